//go:build !(linux && (amd64 || arm64 || riscv64 || loong64))

package book

import "os"

func forget(*os.File, int64, int64) {}
