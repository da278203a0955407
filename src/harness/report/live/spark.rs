//! A chart in one line of text.

const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The last `width` stretches of `values`, each as high as its highest value, up to `most`.
///
/// Fewer values than `width` are shown one a character; more are gathered, so that the whole time is always seen.
#[must_use]
pub fn spark(values: &[u64], most: u64, width: usize) -> String {
    if width == 0 || values.is_empty() {
        return String::new();
    }
    let columns = width.min(values.len());
    let most = most.max(1);
    (0..columns)
        .map(|column| {
            let from = column * values.len() / columns;
            let to = (column + 1) * values.len() / columns;
            let highest = values[from..to].iter().copied().max().unwrap_or(0).min(most);
            // At most `most`, so at most 7.
            let step = (u128::from(highest) * 7).div_ceil(u128::from(most)) as usize;
            STEPS[step]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::spark;

    #[test]
    fn every_value_has_its_height_and_peaks_stay() {
        assert_eq!(spark(&[0, 1, 50, 100], 100, 10), "▁▂▅█");
        assert_eq!(spark(&[5; 3], 0, 10), "███");
        let mut many = vec![0; 1_000];
        many[500] = 9;
        assert_eq!(spark(&many, 9, 10), "▁▁▁▁▁█▁▁▁▁");
        assert_eq!(spark(&[u64::MAX, 0], u64::MAX, 2), "█▁");
        assert_eq!((spark(&[], 5, 5).as_str(), spark(&[1], 5, 0).as_str()), ("", ""));
    }
}
