//! Lanes: threads that take records in order, and never two of one key at once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a lane is given.
#[derive(Debug)]
pub(super) enum Work<R> {
    /// A batch: what it costs before its first record in microseconds, and its records with what orders them. Records of
    /// one order run one after the other; those without run whenever a lane is free.
    Batch(f64, Vec<(Option<u64>, R)>),
    /// A record.
    Record(Option<u64>, R),
}

#[derive(Debug)]
struct Queue<R> {
    ready: VecDeque<Work<R>>,
    /// Orders of which a record is ready or running, and what waits behind it.
    chains: HashMap<u64, VecDeque<R>>,
    /// Records and batches that are not finished.
    open: usize,
    closed: bool,
}

/// The queue in front of the lanes.
#[derive(Debug)]
pub(super) struct Pool<R> {
    queue: Mutex<Queue<R>>,
    work: Condvar,
    finished: Condvar,
}

impl<R> Pool<R> {
    pub(super) fn new() -> Self {
        Self {
            queue: Mutex::new(Queue {
                ready: VecDeque::new(),
                chains: HashMap::new(),
                open: 0,
                closed: false,
            }),
            work: Condvar::new(),
            finished: Condvar::new(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<R>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a batch over.
    pub(super) fn submit(&self, per_batch_us: f64, records: Vec<(Option<u64>, R)>) {
        let mut queue = self.queue();
        queue.open += 1;
        queue.ready.push_back(Work::Batch(per_batch_us, records));
        drop(queue);
        self.work.notify_one();
    }

    /// The next thing to do; nothing once it is closed.
    pub(super) fn take(&self) -> Option<Work<R>> {
        let mut queue = self.queue();
        loop {
            if queue.closed {
                return None;
            }
            if let Some(work) = queue.ready.pop_front() {
                return Some(work);
            }
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A batch's own cost is spent: its records are next.
    pub(super) fn begun(&self, records: Vec<(Option<u64>, R)>) {
        let mut queue = self.queue();
        queue.open += records.len();
        let mut first = Vec::with_capacity(records.len());
        for (order, record) in records {
            match order {
                Some(key) => match queue.chains.get_mut(&key) {
                    Some(chain) => chain.push_back(record),
                    None => {
                        queue.chains.insert(key, VecDeque::new());
                        first.push(Work::Record(order, record));
                    }
                },
                None => first.push(Work::Record(order, record)),
            }
        }
        // Before batches that came meanwhile.
        for work in first.into_iter().rev() {
            queue.ready.push_front(work);
        }
        self.finish_one(queue);
        self.work.notify_all();
    }

    /// A record is finished; the next of its order may run.
    pub(super) fn ended(&self, order: Option<u64>) {
        let mut queue = self.queue();
        if let Some(key) = order {
            match queue.chains.get_mut(&key).and_then(VecDeque::pop_front) {
                Some(next) => {
                    queue.ready.push_front(Work::Record(order, next));
                    self.work.notify_one();
                }
                None => drop(queue.chains.remove(&key)),
            }
        }
        self.finish_one(queue);
    }

    fn finish_one(&self, mut queue: MutexGuard<'_, Queue<R>>) {
        queue.open -= 1;
        if queue.open == 0 {
            self.finished.notify_all();
        }
    }

    /// Waits until everything is finished, for so long at most; says whether it is.
    pub(super) fn wait(&self, timeout: Duration) -> bool {
        let until = Instant::now() + timeout;
        let mut queue = self.queue();
        while queue.open > 0 && !queue.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            queue = self
                .finished
                .wait_timeout(queue, left)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(queue, _)| queue);
        }
        true
    }

    /// Ends all lanes; what is in the queue is dropped.
    pub(super) fn close(&self) {
        let mut queue = self.queue();
        queue.closed = true;
        queue.ready.clear();
        queue.chains.clear();
        drop(queue);
        self.work.notify_all();
        self.finished.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::thread;
    use std::time::Duration;

    use super::{Pool, Work};

    /// Runs batches through lanes and says in which order records ended.
    fn run(lanes: usize, batches: Vec<Vec<(Option<u64>, u32)>>) -> Vec<u32> {
        let pool = Pool::new();
        let ended = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..lanes {
                scope.spawn(|| {
                    while let Some(work) = pool.take() {
                        match work {
                            Work::Batch(_, records) => pool.begun(records),
                            Work::Record(order, record) => {
                                if record % 3 == 0 {
                                    thread::sleep(Duration::from_micros(200));
                                }
                                ended.lock().unwrap().push(record);
                                pool.ended(order);
                            }
                        }
                    }
                });
            }
            for batch in batches {
                pool.submit(0.0, batch);
            }
            while !pool.wait(Duration::from_secs(30)) {}
            pool.close();
        });
        ended.into_inner().unwrap()
    }

    #[test]
    fn one_lane_keeps_the_order_of_arrival() {
        let batches = (0..4).map(|batch| (0..5).map(|n| (None, batch * 5 + n)).collect());
        assert_eq!(run(1, batches.collect()), (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn many_lanes_keep_the_order_of_a_key() {
        let batch: Vec<(Option<u64>, u32)> = (0..300).map(|n| (Some(u64::from(n % 7)), n)).collect();
        let ended = run(4, vec![batch]);
        assert_eq!(ended.len(), 300);
        for key in 0..7 {
            let of_key: Vec<u32> = ended.iter().copied().filter(|n| n % 7 == key).collect();
            assert!(of_key.is_sorted(), "{of_key:?}");
        }
    }

    #[test]
    fn nothing_to_do_is_finished() {
        let pool: Pool<u32> = Pool::new();
        assert!(pool.wait(Duration::ZERO));
        pool.submit(1.0, Vec::new());
        assert!(!pool.wait(Duration::ZERO));
        pool.close();
        assert!(pool.take().is_none() && pool.wait(Duration::ZERO));
    }
}
