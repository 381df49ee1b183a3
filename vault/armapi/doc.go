// Package armapi serves the part of the management plane that vault tools use: vaults by subscription and resource group,
// their access policies, deleted vaults, name checks. It speaks to vault.Service's administration, through the same record keeping as
// everything else; who may do what is Service's Config.MayAdminister.
//
// Serve it over TLS under the name management.azure.com. Tokens must be for one of Config.Audiences. Any api-version that looks like one is
// accepted: the shapes are those that all versions since 2019 share.
//
// Not here: Managed HSMs, keys by ARM, role assignments, private endpoints, templates. A vault is ready when PUT answers.
package armapi
