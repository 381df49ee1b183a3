package code

const (
	provider = Code(Provider) << spaceShift
	message  = Code(SQL) << spaceShift
)

// Msg is the code of SQL Server's message of that number.
func Msg(number int) Code { return In(SQL, number) }
