//! Threads: many questions answered side by side, each by whoever is free.

use std::sync::atomic::{AtomicUsize, Ordering};

/// More threads than these gain nothing: the disk, or the memory, is the limit.
const MOST_THREADS: usize = 8;
/// Files a thread takes at a time.
pub const PORTION: usize = 16;

/// Answers all questions in several threads, each of which takes a portion at a time; the answers stand where the questions
/// stood. `worker` is made once in each thread.
///
/// # Panics
/// When a worker does.
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
        // The calling thread works too.
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
