# From the loader to Rust: PVH's 32-bit entry, long mode with an identity map of the first
# 4 GiB, a stack, and stubs for the processor's exceptions.
#
# PVH (Xen's docs/misc/pvh.pandoc) promises: protected mode, flat 32-bit segments, paging
# off, interrupts off, EBX the address of the start information.

    # ELF note 18, XEN_ELFNOTE_PHYS32_ENTRY: where a loader goes.
    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 4, 18
    .asciz "Xen"
    .long start32

    .section .bss.tables, "aw", @nobits
    .balign 4096
pml4:
    .skip 4096
pdpt:
    .skip 4096
directories:
    .skip 4 * 4096

    .section .bss.stack, "aw", @nobits
    .balign 4096
    .skip 256 * 1024
stack_end:

    .section .rodata.gdt, "a"
    .balign 8
gdt:
    .quad 0
    .quad 0x00af9a000000ffff # 8: code, 64 bits
    .quad 0x00cf92000000ffff # 16: data
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt

    .section .text.start32, "ax"
    .code32
    .global start32
start32:
    cld
    mov esp, offset stack_end

    # One PML4 entry, four of the next level, and 2048 pages of 2 MiB each.
    mov eax, offset pdpt
    or eax, 3
    mov [pml4], eax
    mov eax, offset directories
    or eax, 3
    xor ecx, ecx
1:  mov [pdpt + 8 * ecx], eax
    add eax, 4096
    inc ecx
    cmp ecx, 4
    jb 1b
    # Present, writable, large; above 2 GiB, where devices are, uncached as well.
    xor ecx, ecx
2:  mov eax, ecx
    shl eax, 21
    or eax, 0x83
    cmp ecx, 1024
    jb 3f
    or eax, 0x18
3:  mov [directories + 8 * ecx], eax
    inc ecx
    cmp ecx, 2048
    jb 2b

    # CR4: PAE, and FXSR and SIMD exceptions, for `core` is compiled to use SSE.
    mov eax, cr4
    or eax, 0x620
    mov cr4, eax
    mov eax, offset pml4
    mov cr3, eax
    # EFER.LME.
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x100
    wrmsr
    # CR0: paging, the FPU monitored and not emulated.
    mov eax, cr0
    and eax, 0xfffffffb
    or eax, 0x80000002
    mov cr0, eax
    mov eax, offset gdt_pointer
    lgdt [eax]
    push 8
    mov eax, offset start64
    push eax
    retf

    .code64
start64:
    mov ax, 16
    mov ds, ax
    mov es, ax
    mov ss, ax
    xor eax, eax
    mov fs, ax
    mov gs, ax
    mov rsp, offset stack_end
    mov edi, ebx
    xor ebp, ebp
    call start
4:  hlt
    jmp 4b

    # One stub of 8 bytes for each exception, which leaves its number on the stack.
    .balign 8
    .global exception_stubs
exception_stubs:
    .set vector, 0
    .rept 32
    .balign 8
    push vector
    jmp exception_entry
    .set vector, vector + 1
    .endr

exception_entry:
    mov rdi, [rsp]
    mov rsi, [rsp + 8]
    mov rdx, [rsp + 16]
    mov rcx, cr2
    and rsp, -16
    call exception
