package verify

// ReadKey returns a verifier key that is given as it is, or as a file that holds
// it: how all commands take one.
func ReadKey(key string) (string, error) { return readKey(key) }
