//go:build !purego

#include "textflag.h"

// MARK puts the bits of the 64 bytes at SI into R8 (quotes) and R9 (brackets).
// It gathers in Y7 what is a backslash, in Y8 what is less than a space or DEL,
// and in Y9 what is not ASCII (in the highest bit). [ and ] differ from { and }
// in one bit, 0x20, which Y14 sets.
#define MARK \
	VMOVDQU   (SI), Y0; \
	VMOVDQU   32(SI), Y1; \
	VPCMPEQB  Y10, Y0, Y2; \
	VPCMPEQB  Y10, Y1, Y3; \
	VPMOVMSKB Y2, R8; \
	VPMOVMSKB Y3, R10; \
	VPCMPEQB  Y11, Y0, Y2; \
	VPCMPEQB  Y11, Y1, Y3; \
	VPOR      Y2, Y7, Y7; \
	VPOR      Y3, Y7, Y7; \
	VPMINUB   Y15, Y0, Y2; \
	VPMINUB   Y15, Y1, Y3; \
	VPCMPEQB  Y2, Y0, Y2; \
	VPCMPEQB  Y3, Y1, Y3; \
	VPOR      Y2, Y8, Y8; \
	VPOR      Y3, Y8, Y8; \
	VPCMPEQB  Y6, Y0, Y2; \
	VPCMPEQB  Y6, Y1, Y3; \
	VPOR      Y2, Y8, Y8; \
	VPOR      Y3, Y8, Y8; \
	VPOR      Y0, Y9, Y9; \
	VPOR      Y1, Y9, Y9; \
	VPOR      Y14, Y0, Y0; \
	VPOR      Y14, Y1, Y1; \
	VPCMPEQB  Y12, Y0, Y2; \
	VPCMPEQB  Y12, Y1, Y3; \
	VPCMPEQB  Y13, Y0, Y4; \
	VPCMPEQB  Y13, Y1, Y5; \
	VPOR      Y2, Y4, Y4; \
	VPOR      Y3, Y5, Y5; \
	VPMOVMSKB Y4, R9; \
	VPMOVMSKB Y5, R11; \
	SHLQ      $32, R10; \
	SHLQ      $32, R11; \
	ORQ       R10, R8; \
	ORQ       R11, R9

// FILL puts a byte into all of a register.
#define FILL(value, x, y) \
	MOVL         $value, AX; \
	VMOVD        AX, x; \
	VPBROADCASTB x, y

// func markBytes(text *byte, size int, m *marks) (found uint32)
TEXT ·markBytes(SB), NOSPLIT, $0-28
	MOVQ text+0(FP), SI
	MOVQ size+8(FP), CX
	MOVQ m+16(FP), DI

	FILL(0x22, X10, Y10) // quote
	FILL(0x5c, X11, Y11) // backslash
	FILL(0x7b, X12, Y12) // {
	FILL(0x7d, X13, Y13) // }
	FILL(0x20, X14, Y14)
	FILL(0x1f, X15, Y15)
	FILL(0x7f, X6, Y6) // DEL
	VPXOR Y7, Y7, Y7
	VPXOR Y8, Y8, Y8
	VPXOR Y9, Y9, Y9

	SUBQ $64, CX
	JLT  last

whole:
	MARK
	MOVQ R8, (DI)
	MOVQ R9, 256(DI)
	ADDQ $64, SI
	ADDQ $8, DI
	SUBQ $64, CX
	JGE  whole

last: // of CX+64 bytes: take the 64 that end there, and shift out what was marked
	MOVQ CX, BX
	NEGQ BX
	CMPQ BX, $64
	JEQ  done
	ADDQ CX, SI
	MARK
	MOVQ BX, CX
	SHRQ CX, R8
	SHRQ CX, R9
	MOVQ R8, (DI)
	MOVQ R9, 256(DI)

done:
	XORL      R8, R8
	VPTEST    Y7, Y7
	SETNE     R8 // 1: foundEscape
	XORL      R9, R9
	VPTEST    Y8, Y8
	SETNE     R9
	VPMOVMSKB Y9, R10
	XORL      R11, R11
	TESTL     R10, R10
	SETNE     R11
	LEAL      (R8)(R9*2), R8  // 2: foundControl
	LEAL      (R8)(R11*4), R8 // 4: foundWide
	MOVL      R8, found+24(FP)
	VZEROUPPER
	RET

// func processorHasMarks() bool
TEXT ·processorHasMarks(SB), NOSPLIT, $0-1
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
	ANDL $0x06, AX // the system keeps XMM and YMM
	CMPL AX, $0x06
	JNE  without
	MOVL $7, AX
	XORL CX, CX
	CPUID
	ANDL $0x20, BX // AVX2
	CMPL BX, $0x20
	JNE  without
	MOVB $1, ret+0(FP)

without:
	RET
