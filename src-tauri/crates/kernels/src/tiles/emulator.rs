//! AMX on machines without it, for tests: the very instructions that the kernels were compiled to raise "illegal
//! instruction" there, and are carried out by its handler.
//!
//! Semantics are those of Intel's instruction set reference (volume 2, and chapter 18 of volume 1 for the configuration).
//! What it does not know, or what a processor would refuse, goes to the handler that was there before.
//!
//! Everything the handler does is allowed in a signal handler: it takes no memory and no lock, and the tiles lie in
//! thread-local storage that is neither initialised when first used nor dropped.
#![allow(unsafe_code)]

mod instruction;
mod tests;
mod tile_file;

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

pub(super) use instruction::Multiplied;
use instruction::{Address, Instruction, Operation};
pub(super) use tile_file::{Refused, TileFile};

thread_local! {
    static TILES: UnsafeCell<TileFile> = const { UnsafeCell::new(TileFile::NEW) };
}

/// Instructions carried out so far, by all threads.
static CARRIED_OUT: AtomicU64 = AtomicU64::new(0);

/// The handler that was there before: what to call, and how.
static PREVIOUS: AtomicUsize = AtomicUsize::new(libc::SIG_DFL);
static PREVIOUS_FLAGS: AtomicUsize = AtomicUsize::new(0);

/// How many instructions have been carried out.
fn carried_out() -> u64 {
    CARRIED_OUT.load(Ordering::Relaxed)
}

/// From now on illegal AMX instructions of this process are carried out.
pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: both structures are valid; the handler does what a handler may.
        unsafe {
            let mut previous = MaybeUninit::<libc::sigaction>::zeroed();
            let mut action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
            let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = handle;
            action.sa_sigaction = handler as libc::sighandler_t;
            action.sa_flags = libc::SA_SIGINFO;
            libc::sigemptyset(&mut action.sa_mask);
            let result = libc::sigaction(libc::SIGILL, &action, previous.as_mut_ptr());
            assert_eq!(result, 0, "a handler can be installed");
            let previous = previous.assume_init();
            PREVIOUS_FLAGS.store(previous.sa_flags as usize, Ordering::Relaxed);
            PREVIOUS.store(previous.sa_sigaction, Ordering::Relaxed);
        }
    });
}

extern "C" fn handle(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes the interrupted thread's context.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let at = registers[libc::REG_RIP as usize] as usize as *const u8;
    // SAFETY: an instruction was fetched there; bytes beyond a decoded instruction's end are not read.
    let decoded = unsafe { instruction::decode(at) };
    // SAFETY: only this thread uses its tiles, and the code it interrupted is an instruction, not this function.
    let done = decoded.is_some_and(|found| {
        TILES.with(|tiles| unsafe { carry_out(&mut *tiles.get(), &found, registers) }.is_ok())
    });
    match (done, decoded) {
        (true, Some(found)) => {
            CARRIED_OUT.fetch_add(1, Ordering::Relaxed);
            registers[libc::REG_RIP as usize] += found.length as i64;
        }
        _ => pass_on(signal, info, context),
    }
}

/// # Safety
/// The instruction's addresses are as valid as they would have to be for the processor.
unsafe fn carry_out(
    tiles: &mut TileFile,
    instruction: &Instruction,
    registers: &[i64; 23],
) -> Result<(), Refused> {
    // SAFETY: the caller's promise.
    unsafe {
        match instruction.operation {
            Operation::LoadConfiguration(from) => {
                let mut bytes = [0; 64];
                (place(from, registers).0 as *const u8).copy_to(bytes.as_mut_ptr(), 64);
                tiles.configure(&bytes)
            }
            Operation::Release => {
                tiles.release();
                Ok(())
            }
            Operation::Zero(tile) => tiles.zero(tile),
            Operation::Load(tile, from) => {
                let (start, stride) = place(from, registers);
                tiles.load(tile, start as *const u8, stride)
            }
            Operation::Store(to, tile) => {
                let (start, stride) = place(to, registers);
                tiles.store(tile, start as *mut u8, stride)
            }
            Operation::MultiplyBf16(tiles_used) => tiles.multiply_bf16(tiles_used),
            Operation::MultiplyInt8(tiles_used, signs) => tiles.multiply_int8(tiles_used, signs),
        }
    }
}

/// The address without its index, and the index.
fn place(address: Address, registers: &[i64; 23]) -> (usize, isize) {
    // In the order of their numbers in instructions.
    const REGISTERS: [i32; 16] = [
        libc::REG_RAX,
        libc::REG_RCX,
        libc::REG_RDX,
        libc::REG_RBX,
        libc::REG_RSP,
        libc::REG_RBP,
        libc::REG_RSI,
        libc::REG_RDI,
        libc::REG_R8,
        libc::REG_R9,
        libc::REG_R10,
        libc::REG_R11,
        libc::REG_R12,
        libc::REG_R13,
        libc::REG_R14,
        libc::REG_R15,
    ];
    let value = |number: u8| registers[REGISTERS[usize::from(number)] as usize];
    let start = address.base.map_or(0, value) + i64::from(address.displacement);
    let index = address
        .index
        .map_or(0, |(number, scale)| value(number) << scale);
    (start as usize, index as isize)
}

fn pass_on(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let previous = PREVIOUS.load(Ordering::Relaxed);
    if previous == libc::SIG_DFL || previous == libc::SIG_IGN {
        // The instruction is tried again, and ends the process as it would have without us.
        // SAFETY: resets a handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        return;
    }
    // SAFETY: it was the handler of this signal, with these arguments or with the first alone.
    unsafe {
        if PREVIOUS_FLAGS.load(Ordering::Relaxed) as i32 & libc::SA_SIGINFO != 0 {
            let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) =
                std::mem::transmute(null_mut::<u8>().wrapping_add(previous));
            handler(signal, info, context);
        } else {
            let handler: extern "C" fn(i32) =
                std::mem::transmute(null_mut::<u8>().wrapping_add(previous));
            handler(signal);
        }
    }
}
