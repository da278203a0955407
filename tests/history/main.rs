//! The history: seeds, their replay, digests and what versions are judged by.

mod seed;
