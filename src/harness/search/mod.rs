//! Searching by trying: the highest rate that holds, and which single setting makes the difference.
//!
//! Pure over a callback that runs one variant and says what came of it.

mod limit;
mod put_back;

pub use limit::{Limit, STEP, Stopped, find_limit};
pub use put_back::put_back;
