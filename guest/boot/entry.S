/* SPDX-License-Identifier: BSD-2-Clause */
/* Ways into the kernel and the way out.
 *
 * Xen enters on the kernel's stack with, from rsp upwards:
 *
 *     rcx  r11  [error code]  rip  cs | upcall mask << 32  rflags  rsp  ss
 *
 * rcx and r11 are the interrupted ones; everything else is in its register. Each entry completes that to a
 * struct registers (boot/trap.h): the error code (0 where Xen pushes none), the vector, and the general
 * registers. A user's frame always lies at the top of the stack (xen_stack_switch), a kernel's below
 * what was running: the kernel is built without a red zone.
 */
#define VECTOR_SYSCALL 256
#define VGCF_in_syscall 0x100   /* xen/arch-x86/xen-x86_64.h; rcx and r11 need not be restored */

    .text

.macro push_registers
    push %rax
    push %rbx
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    push %rbp
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
.endm

/* One stub a vector: from [rcx r11 (error) rip ...] to [vector error rip ...]. */
.macro trap vector, has_error
    .globl trap_\vector
trap_\vector:
    pop %rcx
    pop %r11
    .if !\has_error
    push $0
    .endif
    push $\vector
    jmp trap_common
.endm

trap 0, 0
trap 1, 0
trap 3, 0
trap 4, 0
trap 5, 0
trap 6, 0
trap 7, 0
trap 10, 1
trap 11, 1
trap 12, 1
trap 13, 1
trap 14, 1
trap 16, 0
trap 17, 1
trap 18, 0
trap 19, 0

trap_common:
    push_registers
    cld
    mov %rsp, %rdi
    xor %ebp, %ebp
    call trap_handle

    /* Back to where `struct registers` at rsp says, kernel or user, all registers as given. */
    .globl registers_restore
registers_restore:
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rbp
    pop %rdi
    pop %rsi
    pop %rdx
    pop %rcx
    pop %rbx
    pop %rax
    add $8, %rsp                /* the vector; the error code's place takes the flags of iret */
    movq $0, (%rsp)
    jmp hypercall_page + 23 * 32

    .globl syscall_entry
syscall_entry:                  /* rcx, r11 on the stack: return rip and rflags, also in the frame */
    add $16, %rsp
    push $0
    push $VECTOR_SYSCALL
    push_registers
    cld
    mov %rsp, %rdi
    call syscall_handle         /* true: only rax has changed */
    test %al, %al
    jz registers_restore
    add $32, %rsp               /* callee-saved: still in their registers */
    add $8, %rsp                /* r11 */
    pop %r10
    pop %r9
    pop %r8
    add $8, %rsp                /* rbp */
    pop %rdi
    pop %rsi
    pop %rdx
    add $16, %rsp               /* rcx, rbx */
    pop %rax
    add $8, %rsp
    movq $VGCF_in_syscall, (%rsp)
    jmp hypercall_page + 23 * 32

    /* void user_enter(const struct registers *): leave the kernel, for good as far as the caller's
     * stack is concerned. */
    .globl user_enter
user_enter:
    mov %rdi, %rsp
    jmp registers_restore

    /* size_t user_copy(void *to, const void *from, size_t length): bytes NOT copied. One side is user
     * memory: a fault that the memory manager does not resolve ends the copy where it stands. */
    .globl user_copy
user_copy:
    mov %rdx, %rcx
1:  rep movsb
2:  mov %rcx, %rax
    ret
    .pushsection .extable, "a"
    .quad 1b, 2b
    .popsection

    /* size_t user_clear(void *to, size_t length): bytes not cleared. */
    .globl user_clear
user_clear:
    mov %rsi, %rcx
    xor %eax, %eax
1:  rep stosb
2:  mov %rcx, %rax
    ret
    .pushsection .extable, "a"
    .quad 1b, 2b
    .popsection

    /* ssize_t user_string(char *to, const char *from, size_t size): copy up to and including the NUL.
     * The string's length, `size` when it is longer, -EFAULT. */
    .globl user_string
user_string:
    xor %eax, %eax
1:  cmp %rdx, %rax
    je 4f
2:  movb (%rsi,%rax), %cl
    movb %cl, (%rdi,%rax)
    test %cl, %cl
    jz 4f
    inc %rax
    jmp 1b
3:  mov $-14, %rax
4:  ret
    .pushsection .extable, "a"
    .quad 2b, 3b
    .popsection

    .section .note.GNU-stack, "", @progbits
