//! Medians, and timing that repeats.

use std::time::Duration;

use memsentry::model::Stopwatch;

/// The middle value; NaN of none.
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The value below which this share of the values lies; NaN of none.
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let at = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// How long one call takes.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let watch = Stopwatch::start();
    let result = work();
    (result, watch.elapsed())
}

/// Processor time that this process's main thread has had, in seconds.
pub fn processor_time() -> f64 {
    schedstat("/proc/self/schedstat")
}

/// Processor time of all threads of a process, in seconds.
pub fn processor_time_of(process: u32) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("a running process");
    threads.flatten().map(|thread| schedstat(&thread.path().join("schedstat").to_string_lossy())).sum()
}

/// The first number of the file: nanoseconds on a processor. 0 for a thread that has just ended.
fn schedstat(path: &str) -> f64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or_default() / 1e9
}

/// Median nanoseconds of a call, over this many calls.
pub fn nanos<T>(times: usize, mut work: impl FnMut() -> T) -> f64 {
    let took: Vec<f64> = (0..times)
        .map(|_| {
            let (result, took) = timed(&mut work);
            std::hint::black_box(result);
            took.as_secs_f64() * 1e9
        })
        .collect();
    median(&took)
}
