//! Any bytes as a chunk that comes back from disk: reading must not panic, and what reads must be written again to
//! the same samples, to the bit.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use memsentry::model::{Sample, Timestamp};
use memsentry::tsdb::Chunk;

const EVER: (Timestamp, Timestamp) = (Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX));

fn samples(chunk: &Chunk) -> Vec<Sample> {
    let mut samples = Vec::new();
    chunk.read_into(EVER.0, EVER.1, &mut samples);
    samples
}

fuzz_target!(|input: (i64, u32, &[u8])| {
    let (first, count, data) = input;
    // A sample takes two bits at least, so a larger count cannot be true.
    let Ok(chunk) = Chunk::from_bytes(Timestamp::from_millis(first), count, Arc::from(data)) else { return };
    let read = samples(&chunk);
    // Times that wrap around end the reading early; the store writes none.
    if read.windows(2).any(|pair| pair[0].at >= pair[1].at) || read.len() != count as usize {
        return;
    }
    let again = samples(&Chunk::encode(&read).expect("at least one sample"));
    let bits = |samples: &[Sample]| samples.iter().map(|s| (s.at, s.value.to_bits())).collect::<Vec<_>>();
    assert_eq!(bits(&again), bits(&read));
});
