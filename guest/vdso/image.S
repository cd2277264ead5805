/* SPDX-License-Identifier: BSD-2-Clause */
/* The linked vDSO inside the kernel image; VDSO_FILE is given by the build. */
    .section .rodata, "a"
    .balign 16
    .globl vdso_image, vdso_image_end
vdso_image:
    .incbin VDSO_FILE
vdso_image_end:
    .section .note.GNU-stack, "", @progbits
