//! Processes a list of items on several threads.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Maximum number of threads; with more, the disk or the memory is the bottleneck.
const MOST_THREADS: usize = 8;
/// Number of files that a thread claims at a time.
pub const PORTION: usize = 16;

/// Maps all questions on several threads, each of which claims `portion` questions at a time. The answers are
/// in the order of the questions. `worker` is called once per thread.
///
/// # Panics
///
/// Panics if a worker panics.
pub fn side_by_side<Q: Sync, A: Send, W: FnMut(&Q) -> A>(
    questions: &[Q],
    portion: usize,
    worker: impl Fn() -> W + Sync,
) -> Vec<A> {
    if questions.len() <= portion {
        return questions.iter().map(worker()).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut answer = worker();
        let mut done = Vec::new();
        loop {
            let from = next.fetch_add(portion, Ordering::Relaxed);
            let Some(rest) = questions.get(from..).filter(|rest| !rest.is_empty()) else { return done };
            done.push((from, rest.iter().take(portion).map(&mut answer).collect::<Vec<A>>()));
        }
    };
    let threads =
        std::thread::available_parallelism().map_or(2, std::num::NonZero::get).clamp(2, MOST_THREADS);
    let mut all = std::thread::scope(|scope| {
        // The calling thread is one of the workers.
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut all = work();
        for other in others {
            all.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        all
    });
    all.sort_unstable_by_key(|(from, _)| *from);
    all.into_iter().flat_map(|(_, answers)| answers).collect()
}
