//! What the fuzzer alone may call: readers of foreign text behind the gate's checks.

use std::path::Path;

use crate::check::Check;
use crate::kernel::{KernelDetector, KernelFips, NotGenuine};
use crate::{environment, kernel};

/// The judgement of a row of a mount table.
///
/// # Errors
///
/// What is wrong with the table or the row.
pub fn judge_mount(
    mountinfo: &str,
    mount_id: u64,
    path: &Path,
    expected: &str,
) -> Result<Option<NotGenuine>, String> {
    kernel::judge_mount(mountinfo, mount_id, path, expected)
}

/// The gate's check of an answer about the kernel.
pub fn kernel_check(state: &KernelFips) -> Check {
    KernelDetector::default().describe(state)
}

/// The tracer in a status file of procfs.
pub fn tracer_pid(status: &str) -> Option<u32> {
    environment::tracer_pid(status)
}
