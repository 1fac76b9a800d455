//! The same work on many things, on several threads, the results in order.

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::thread;

use fips_core::indicator::Scopes;

/// The most threads: more only wait for the disk.
const MOST_THREADS: usize = 16;
/// How many things a thread does before its results are taken: the results of that many for
/// each thread are what is in memory at a time.
const PART: usize = 256;

/// Does `work` on each of `items` and gives the results to `sink`, in the order of the items,
/// until it fails. What it calls of the module counts in the ledgers whose scopes this thread is
/// in.
pub(super) fn in_order<'t, T: Sync, R: Send, E>(
    items: &'t [T],
    work: impl Fn(&'t T) -> R + Sync,
    mut sink: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let threads = thread::available_parallelism()
        .map_or(1, NonZeroUsize::get)
        .min(MOST_THREADS);
    let scopes = Scopes::current();
    let do_part = |part: &'t [T]| scopes.record(|| part.iter().map(&work).collect::<Vec<R>>());
    for batch in items.chunks(threads * PART) {
        let parts: Vec<&'t [T]> = batch.chunks(batch.len().div_ceil(threads)).collect();
        let done: Vec<Vec<R>> = thread::scope(|scope| {
            // The first part is this thread's own.
            let (own, others) = match parts.split_first() {
                Some((own, others)) => (*own, others),
                None => return Vec::new(),
            };
            let handles: Vec<_> = others
                .iter()
                .map(|part| {
                    let spawned = thread::Builder::new().spawn_scoped(scope, || do_part(part));
                    (*part, spawned.ok())
                })
                .collect();
            let first = do_part(own);
            let others = handles.into_iter().map(|(part, handle)| match handle {
                Some(handle) => handle.join().unwrap_or_else(|panic| resume_unwind(panic)),
                // No thread to be had: the work is done here.
                None => do_part(part),
            });
            std::iter::once(first).chain(others).collect()
        });
        done.into_iter().flatten().try_for_each(&mut sink)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn what_other_threads_call_counts_here() {
        let items = vec![0_u8; 3 * PART];
        let ledger = fips_core::indicator::Ledger::new();
        ledger.record(|| {
            let digest = |item: &u8| {
                let algorithm = fips_core::digest::Algorithm::Sha256;
                fips_core::digest::digest(algorithm, &[*item]).is_ok()
            };
            let Ok(()) = in_order(&items, digest, |done| {
                assert!(done);
                Ok::<_, Infallible>(())
            });
        });
        let counted = ledger.summary().total().approved;
        assert_eq!(counted, items.len() as u64);
    }

    #[test]
    fn every_result_once_and_in_order() {
        for count in [0, 1, PART, PART + 1, 5 * PART + 3, 20_000] {
            let items: Vec<usize> = (0..count).collect();
            let mut found = Vec::new();
            let Ok(()) = in_order(
                &items,
                |item| item * 2,
                |result| {
                    found.push(result);
                    Ok::<_, Infallible>(())
                },
            );
            let expected: Vec<usize> = items.iter().map(|item| item * 2).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_is_not_taken_yet_is_bounded_and_a_failure_ends_the_work() {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let most = threads.min(MOST_THREADS) * PART;
        let items: Vec<usize> = (0..4 * most).collect();
        let done = AtomicUsize::new(0);
        let mut taken = 0;
        let ended = in_order(
            &items,
            |item| {
                done.fetch_add(1, Ordering::Relaxed);
                *item
            },
            |item| {
                assert_eq!(item, taken);
                let waiting = done.load(Ordering::Relaxed) - taken;
                assert!(waiting <= most, "{waiting} results in memory");
                taken += 1;
                if item == most { Err("enough") } else { Ok(()) }
            },
        );
        assert_eq!(ended, Err("enough"));
        assert_eq!(done.load(Ordering::Relaxed), 2 * most);
    }
}
