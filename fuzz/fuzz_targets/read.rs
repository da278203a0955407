//! The whole reading path: files → declared → resolved → judged → printed in every format, and every fix applied.
//!
//! An input is a bundle: see tests/support/hostile/.

#![no_main]

#[path = "../../tests/support/hostile/mod.rs"]
mod hostile;

use hostile::{must_hold, mutate, template_bundle, unbundle};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(init: on_one_thread(), |bundle: &[u8]| must_hold(&unbundle(bundle)));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut random = Random(seed);
    // Half of the time libFuzzer's own changes, which splice what is known to get far.
    if random.below(2) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let mut bundle = if size < 2 {
        template_bundle()
    } else {
        data[..size].to_vec()
    };
    for _ in 0..=random.below(4) {
        mutate(&mut bundle, &mut |below| random.below(below));
    }
    let size = bundle.len().min(max_size);
    data[..size].copy_from_slice(&bundle[..size]);
    size
});

/// Threads would hide from libFuzzer which input led where.
fn on_one_thread() {
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread()
        .build_global()
        .expect("nobody made a pool before");
}

/// A mutation must depend on its seed alone.
struct Random(u32);

impl Random {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x9e37_79b1).wrapping_add(0x7f4a_7c15);
        self.0 ^= self.0 >> 15;
        self.0 as usize % below
    }
}
