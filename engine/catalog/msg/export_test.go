package msg

// Load parses the data anew and reports what is wrong with it.
var Load = load
