//! Works on the columns of a table on all cores.

/// Tables with fewer cells are worked on by one thread: starting others would take longer.
#[cfg(not(target_arch = "wasm32"))]
const WORTH_THREADS: usize = 1 << 18;

/// The results of each column, in their order. What a column's result is does not depend on the threads.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn map<T: Send>(columns: usize, rows: usize, of: impl Fn(usize) -> T + Sync) -> Vec<T> {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Mutex, PoisonError};
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(columns);
    if threads < 2 || columns.saturating_mul(rows) < WORTH_THREADS {
        return (0..columns).map(of).collect();
    }
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(columns)));
    let work = || {
        loop {
            let column = next.fetch_add(1, Ordering::Relaxed);
            if column >= columns {
                return;
            }
            let result = of(column);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((column, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // Where no thread can be started, the others do its work.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(column, _)| *column);
    done.into_iter().map(|(_, result)| result).collect()
}

/// The results of each column, in their order. In a browser there is one thread.
#[cfg(target_arch = "wasm32")]
pub(super) fn map<T>(columns: usize, _rows: usize, of: impl Fn(usize) -> T) -> Vec<T> {
    (0..columns).map(of).collect()
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_for_any_size() {
        for columns in [0, 1, 2, 3, 100] {
            for rows in [0, 1, 1 << 20] {
                let expected: Vec<usize> = (0..columns).map(|column| column * column).collect();
                assert_eq!(map(columns, rows, |column| column * column), expected);
            }
        }
    }
}
