package cli

// commands is the table, in the order of the overview. A command that does not exist yet is not in it.
func commands() []*command {
	return []*command{
		quickstartCommand(),
		upCommand(),
		envCommand(),
		keyCommand(),
		vaultCommand(),
		entraCommand(),
		engineCommand(),
		sqlCommand(),
		setupCommand(),
		rotateCommand(),
		retireCommand(),
		revalidateCommand(),
		watchCommand(),
		webhookCommand(),
		agentCommand(),
		doctorCommand(),
		explainCommand(),
		versionCommand(),
		helpCommand(),
	}
}
