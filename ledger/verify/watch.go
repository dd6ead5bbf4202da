package verify

import "context"

func watchCommand(context.Context, *cli) int { return 2 }
