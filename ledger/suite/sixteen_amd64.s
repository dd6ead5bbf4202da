//go:build !purego

#include "textflag.h"

// SHA-256 (FIPS 180-4) of sixteen messages at once: each register holds one
// word of all sixteen, lane by lane. Z0 to Z7 are the state a to h, Z16 to Z31
// the last sixteen words of the message schedule, Z8 to Z15 are scratch.

// flip reverses the bytes of each 32-bit word.
DATA flip<>+0(SB)/8, $0x0405060700010203
DATA flip<>+8(SB)/8, $0x0c0d0e0f08090a0b
GLOBL flip<>(SB), RODATA|NOPTR, $16

// COLUMNS reads a block of four lanes, which become four 128-bit columns: in
// column j of r(k) stands word 4j+k of the four.
#define LOAD(lane, to) \
	MOVQ      (8*(lane))(SI), R8; \
	VMOVDQU32 (R8)(AX*1), to

#define COLUMNS(lane, r0, r1, r2, r3) \
	LOAD(lane+0, Z8); \
	LOAD(lane+1, Z9); \
	LOAD(lane+2, Z10); \
	LOAD(lane+3, Z11); \
	VPUNPCKLDQ  Z9, Z8, Z12; \
	VPUNPCKHDQ  Z9, Z8, Z13; \
	VPUNPCKLDQ  Z11, Z10, Z14; \
	VPUNPCKHDQ  Z11, Z10, Z15; \
	VPUNPCKLQDQ Z14, Z12, r0; \
	VPUNPCKHQDQ Z14, Z12, r1; \
	VPUNPCKLQDQ Z15, Z13, r2; \
	VPUNPCKHQDQ Z15, Z13, r3

// WORDS makes of the columns of all lanes the words k, 4+k, 8+k and 12+k. Z15
// is flip.
#define WORDS(r0, r1, r2, r3) \
	VSHUFI32X4 $0x44, r1, r0, Z8; \
	VSHUFI32X4 $0xEE, r1, r0, Z9; \
	VSHUFI32X4 $0x44, r3, r2, Z10; \
	VSHUFI32X4 $0xEE, r3, r2, Z11; \
	VSHUFI32X4 $0x88, Z10, Z8, r0; \
	VSHUFI32X4 $0xDD, Z10, Z8, r1; \
	VSHUFI32X4 $0x88, Z11, Z9, r2; \
	VSHUFI32X4 $0xDD, Z11, Z9, r3; \
	VPSHUFB    Z15, r0, r0; \
	VPSHUFB    Z15, r1, r1; \
	VPSHUFB    Z15, r2, r2; \
	VPSHUFB    Z15, r3, r3

// ROUND is one round with word w; BX points to the constants of its sixteen.
// d gets its share of Ch before Sigma1 is known: what the next round waits for
// is so one addition shorter.
#define ROUND(i, a, b, c, d, e, f, g, h, w) \
	VPADDD.BCST (4*i)(BX), w, Z8; \
	VPRORD      $6, e, Z9; \
	VPRORD      $11, e, Z10; \
	VPRORD      $25, e, Z11; \
	VMOVDQA32   e, Z12; \
	VPADDD      Z8, h, h; \
	VPTERNLOGD  $0xCA, g, f, Z12; \
	VPTERNLOGD  $0x96, Z11, Z10, Z9; \
	VPADDD      h, d, d; \
	VPADDD      Z12, h, h; \
	VPADDD      Z12, d, d; \
	VPADDD      Z9, h, h; \
	VPADDD      Z9, d, d; \
	VPRORD      $2, a, Z13; \
	VPRORD      $13, a, Z14; \
	VPRORD      $22, a, Z15; \
	VMOVDQA32   a, Z8; \
	VPTERNLOGD  $0xE8, c, b, Z8; \
	VPTERNLOGD  $0x96, Z15, Z14, Z13; \
	VPADDD      Z8, h, h; \
	VPADDD      Z13, h, h

// NEXT makes of word w(t) word w(t+16), of w1, w9, w14 behind it.
#define NEXT(w, w1, w9, w14) \
	VPRORD     $7, w1, Z8; \
	VPRORD     $18, w1, Z9; \
	VPSRLD     $3, w1, Z10; \
	VPADDD     w9, w, w; \
	VPRORD     $17, w14, Z11; \
	VPRORD     $19, w14, Z12; \
	VPSRLD     $10, w14, Z13; \
	VPTERNLOGD $0x96, Z10, Z9, Z8; \
	VPTERNLOGD $0x96, Z13, Z12, Z11; \
	VPADDD     Z8, w, w; \
	VPADDD     Z11, w, w

#define BOTH(i, a, b, c, d, e, f, g, h, w, w1, w9, w14) \
	ROUND(i, a, b, c, d, e, f, g, h, w); \
	NEXT(w, w1, w9, w14)

// ADD adds what a state word was before the block.
#define ADD(i, r) \
	VPADDD    (64*i)(DI), r, r; \
	VMOVDQU32 r, (64*i)(DI)

// func sixteenBlocks(state *[8][16]uint32, at *[16]*byte, blocks int, k *[64]uint32)
TEXT ·sixteenBlocks(SB), NOSPLIT, $0-32
	MOVQ state+0(FP), DI
	MOVQ at+8(FP), SI
	MOVQ blocks+16(FP), CX
	MOVQ k+24(FP), DX
	XORQ AX, AX

	VMOVDQU32 (64*0)(DI), Z0
	VMOVDQU32 (64*1)(DI), Z1
	VMOVDQU32 (64*2)(DI), Z2
	VMOVDQU32 (64*3)(DI), Z3
	VMOVDQU32 (64*4)(DI), Z4
	VMOVDQU32 (64*5)(DI), Z5
	VMOVDQU32 (64*6)(DI), Z6
	VMOVDQU32 (64*7)(DI), Z7

block:
	COLUMNS(0, Z16, Z17, Z18, Z19)
	COLUMNS(4, Z20, Z21, Z22, Z23)
	COLUMNS(8, Z24, Z25, Z26, Z27)
	COLUMNS(12, Z28, Z29, Z30, Z31)
	VBROADCASTI32X4 flip<>(SB), Z15
	WORDS(Z16, Z20, Z24, Z28)
	WORDS(Z17, Z21, Z25, Z29)
	WORDS(Z18, Z22, Z26, Z30)
	WORDS(Z19, Z23, Z27, Z31)

	MOVQ DX, BX
	MOVQ $3, R9

rounds:
	BOTH(0, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z16, Z17, Z25, Z30)
	BOTH(1, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z17, Z18, Z26, Z31)
	BOTH(2, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z18, Z19, Z27, Z16)
	BOTH(3, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z19, Z20, Z28, Z17)
	BOTH(4, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z20, Z21, Z29, Z18)
	BOTH(5, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z21, Z22, Z30, Z19)
	BOTH(6, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z22, Z23, Z31, Z20)
	BOTH(7, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z23, Z24, Z16, Z21)
	BOTH(8, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z24, Z25, Z17, Z22)
	BOTH(9, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z25, Z26, Z18, Z23)
	BOTH(10, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z26, Z27, Z19, Z24)
	BOTH(11, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z27, Z28, Z20, Z25)
	BOTH(12, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z28, Z29, Z21, Z26)
	BOTH(13, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z29, Z30, Z22, Z27)
	BOTH(14, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z30, Z31, Z23, Z28)
	BOTH(15, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z31, Z16, Z24, Z29)
	ADDQ $64, BX
	DECQ R9
	JNZ  rounds

	ROUND(0, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z16)
	ROUND(1, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z17)
	ROUND(2, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z18)
	ROUND(3, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z19)
	ROUND(4, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z20)
	ROUND(5, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z21)
	ROUND(6, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z22)
	ROUND(7, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z23)
	ROUND(8, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z24)
	ROUND(9, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z25)
	ROUND(10, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z26)
	ROUND(11, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z27)
	ROUND(12, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z28)
	ROUND(13, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z29)
	ROUND(14, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z30)
	ROUND(15, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z31)

	ADD(0, Z0)
	ADD(1, Z1)
	ADD(2, Z2)
	ADD(3, Z3)
	ADD(4, Z4)
	ADD(5, Z5)
	ADD(6, Z6)
	ADD(7, Z7)

	ADDQ $64, AX
	DECQ CX
	JNZ  block

	VZEROUPPER
	RET

// func processorHasSixteen() bool
TEXT ·processorHasSixteen(SB), NOSPLIT, $0-1
	MOVB $0, ret+0(FP)
	XORL AX, AX
	CPUID
	CMPL AX, $7
	JLT  without
	MOVL $1, AX
	XORL CX, CX
	CPUID
	ANDL $0x18000000, CX // OSXSAVE, AVX
	CMPL CX, $0x18000000
	JNE  without
	XORL CX, CX
	XGETBV
	ANDL $0xe6, AX // the system keeps XMM, YMM, ZMM and the masks
	CMPL AX, $0xe6
	JNE  without
	MOVL $7, AX
	XORL CX, CX
	CPUID
	ANDL $0x40010000, BX // AVX512F, AVX512BW
	CMPL BX, $0x40010000
	JNE  without
	MOVB $1, ret+0(FP)

without:
	RET
