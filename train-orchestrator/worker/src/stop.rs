//! `SIGTERM`: the worker is asked to end, and writes a last checkpoint first.

use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on, `SIGTERM` no longer ends the process, but is noted.
#[expect(unsafe_code, reason = "std handles no signals")]
pub(crate) fn listen() {
    // SAFETY: the handler writes an atomic alone, which is async-signal-safe.
    unsafe {
        libc::signal(libc::SIGTERM, note as *const () as libc::sighandler_t);
    }
}

extern "C" fn note(_signal: libc::c_int) {
    ASKED.store(true, Ordering::SeqCst);
}

/// Whether the worker is asked to end.
pub(crate) fn is_asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// Ends the process by the signal, so that whoever started it sees that it did what it was asked.
#[expect(unsafe_code, reason = "std raises no signals")]
pub(crate) fn end() -> ! {
    // SAFETY: both calls take integers; the usual action of the signal ends the process.
    unsafe {
        libc::signal(libc::SIGTERM, libc::SIG_DFL);
        libc::raise(libc::SIGTERM);
    }
    std::process::exit(128 + libc::SIGTERM)
}
