//! The allocator of exported policies: it hands out memory from front to back and takes it all back at once.
//!
//! Every evaluation runs in a fresh instance with a few hundred small allocations, most of them by the host while it passes
//! the snapshot. A general allocator writes headers and free lists all over the pages that the host must then clean: with
//! this one a fresh evaluation of 20 readings took 11.9 µs instead of 17.6. What is freed is used again if it lay last, or
//! once nothing is left (the end of a call); a policy that frees a great deal in another order within one evaluation is
//! better off with `export!(…, heap: std)`.

#![expect(unsafe_code, reason = "an allocator is the contract between raw memory and everything that is safe")]

use std::alloc::{GlobalAlloc, Layout};
use std::arch::wasm32::{memory_grow, memory_size};
use std::cell::Cell;

const PAGE_BYTES: usize = 1 << 16;
/// Pages to grow by at least: each step is a system call of the host.
const PAGES_MIN: usize = 2;

/// Memory from the end of the module's data to the end of the linear memory.
#[derive(Debug)]
pub struct Heap {
    /// Where the next allocation may begin.
    next: Cell<usize>,
    /// The end of the linear memory; 0 before the first allocation.
    end: Cell<usize>,
    /// How many allocations are not yet freed.
    live: Cell<usize>,
}

// SAFETY: the contract knows no threads; wasm32-unknown-unknown has none.
unsafe impl Sync for Heap {}

impl Heap {
    /// Without memory yet.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "there is one, in a static, made by `export!`")]
    pub const fn new() -> Self {
        Self { next: Cell::new(0), end: Cell::new(0), live: Cell::new(0) }
    }

    /// Takes `layout` at the next fitting place, or nothing where it does not fit.
    fn take(&self, layout: Layout) -> Option<usize> {
        let start = self.next.get().checked_next_multiple_of(layout.align())?;
        let next = start.checked_add(layout.size())?;
        if next > self.end.get() {
            return None;
        }
        self.next.set(next);
        self.live.set(self.live.get() + 1);
        Some(start)
    }

    /// Grows the linear memory, so that `layout` fits; `None` where the host allows no more.
    #[cold]
    #[inline(never)]
    fn grow(&self, layout: Layout) -> Option<()> {
        if self.end.get() == 0 {
            self.next.set(first());
            self.end.set(memory_size(0) * PAGE_BYTES);
        }
        let wanted = self.next.get().checked_add(layout.align())?.checked_add(layout.size())?;
        let lacking = wanted.saturating_sub(self.end.get());
        if lacking > 0 {
            let pages = lacking.div_ceil(PAGE_BYTES);
            let grown = memory_grow(0, pages.max(PAGES_MIN)) != usize::MAX || memory_grow(0, pages) != usize::MAX;
            // The size is asked again, since whatever else is linked in may have grown the memory, too.
            self.end.set(memory_size(0) * PAGE_BYTES);
            return grown.then_some(());
        }
        Some(())
    }
}

/// Where the module's own data ends.
fn first() -> usize {
    unsafe extern "C" {
        /// Set by the linker; its address is its value.
        static __heap_base: u8;
    }
    // No more than the address is taken.
    &raw const __heap_base as usize
}

// SAFETY: `take` hands out ranges that begin at a multiple of the alignment and lie between the module's data and the end
// of memory; `next` lies behind every live one, and goes back only over a range that is freed or when none is live.
unsafe impl GlobalAlloc for Heap {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = self.take(layout).or_else(|| self.grow(layout).and_then(|()| self.take(layout)));
        start.map_or(std::ptr::null_mut(), |start| start as *mut u8)
    }

    #[inline(never)]
    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        let live = self.live.get() - 1;
        self.live.set(live);
        if live == 0 {
            self.next.set(first());
        } else if start as usize + layout.size() == self.next.get() {
            self.next.set(start as usize);
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let is_last = start as usize + layout.size() == self.next.get();
        let end = (start as usize).checked_add(size);
        if let Some(end) = end.filter(|end| is_last && *end <= self.end.get()) {
            self.next.set(end);
            return start;
        }
        if size <= layout.size() {
            return start;
        }
        // SAFETY: the caller vouches for `layout` and for `size`; both ranges are live and apart.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                std::ptr::copy_nonoverlapping(start, moved, layout.size());
                self.dealloc(start, layout);
            }
            moved
        }
    }
}
