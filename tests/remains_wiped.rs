//! Under an allocator that wipes what is freed, nothing remains in memory of dropped secrets.

use std::alloc::System;

use remains::HELD;
use zeroizing_alloc::ZeroAlloc;

mod remains;
mod wire;

/// As `fipsctl` has it.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

#[test]
fn nothing_remains() {
    let Some(remains) = remains::search("nothing_remains") else {
        return;
    };
    remains.assert_alive();
    for found in [&remains.dropped, &remains.core] {
        let found: Vec<_> = found.keys().filter(|name| *name != HELD).collect();
        assert!(found.is_empty(), "left behind: {found:#?}");
    }
}
