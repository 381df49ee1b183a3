package engine

// RegisteredAs is what a server of this name registers as with this registration.json.
func RegisteredAs(b []byte, server string) (string, error) {
	id, err := readRegistration(b)
	if err != nil {
		return "", err
	}
	return registeredAs(server, id), nil
}
