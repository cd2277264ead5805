/* SPDX-License-Identifier: BSD-2-Clause */
/* The ELF notes that Xen's domain builders read, the hypercall page, and the first instructions. */
#define __ASSEMBLY__
#define __XEN_INTERFACE_VERSION__ 0x00040e00
#include <xen/elfnote.h>

.macro note type, kind, value:vararg
    .pushsection .note.Xen, "a", @note
    .balign 4
    .long 2f - 1f, 4f - 3f, \type
1:  .asciz "Xen"
2:  .balign 4
3:  \kind \value
4:  .balign 4
    .popsection
.endm

note XEN_ELFNOTE_GUEST_OS, .asciz, "Caravan"
note XEN_ELFNOTE_GUEST_VERSION, .asciz, "1"
note XEN_ELFNOTE_LOADER, .asciz, "generic"
note XEN_ELFNOTE_XEN_VERSION, .asciz, "xen-3.0"
note XEN_ELFNOTE_VIRT_BASE, .quad, 0xffffffff80000000
note XEN_ELFNOTE_PADDR_OFFSET, .quad, 0
note XEN_ELFNOTE_HYPERCALL_PAGE, .quad, hypercall_page
note XEN_ELFNOTE_FEATURES, .asciz, "!writable_page_tables|pae_pgdir_above_4gb"
note XEN_ELFNOTE_PAE_MODE, .asciz, "yes"

    .section .text.entry, "ax"
    .balign 4096
    .globl hypercall_page
hypercall_page:                 /* the builder fills it; until then every call returns */
    .fill 4096, 1, 0xc3

    .globl boot_entry
boot_entry:                     /* rsi: start_info; rsp: top of the builder's one-page stack */
    cld
    mov %rsi, %rdi
    mov %rsp, %rsi
    lea kernel_stack_top(%rip), %rsp
    xor %ebp, %ebp
    call kernel_main
    ud2

    .section .bss.page, "aw", @nobits
    .balign 4096
    .globl shared_info
shared_info:
    .skip 4096
    .skip 32768
    .globl kernel_stack_top
kernel_stack_top:

    .section .note.GNU-stack, "", @progbits
