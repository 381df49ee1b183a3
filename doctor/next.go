package doctor

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"latchkey/azure/sqlcred"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
)

// What to run or do next, by what the broken hop showed: one step, with the names of this walk in it.

func (w *walk) nextName() string {
	if w.current.Code == code.HTTPOpenSession {
		return "correct the settings of the vault: the CA file, the proxy or the authority (latchkey doctor --ca-file, --proxy, --authority)"
	}
	return "correct the credential: ALTER CREDENTIAL ... WITH IDENTITY, SECRET"
}

func (w *walk) nextTCP() string {
	if w.route.proxy != nil {
		return "start the proxy " + w.route.proxyHost() + ", or name the right one (HTTPS_PROXY, latchkey doctor --proxy URL, or --proxy direct)"
	}
	return "open port " + w.route.port + " to " + w.route.host + " in the firewall"
}

func (w *walk) nextTLS() string {
	s := "openssl s_client -connect " + w.host() + " -showcerts"
	if w.route.proxy != nil {
		s += " -proxy " + w.route.proxyHost()
	}
	return s
}

func (w *walk) nextToken() string {
	switch w.current.Code {
	case code.GetTokenBadCredentials:
		if id := w.cred.ClientID; id != "" && w.cred.Method == sqlcred.ClientSecret {
			return "az ad app credential reset --id " + id + " --append, then ALTER CREDENTIAL with the new secret"
		}
	case code.AKVDoesNotExist, code.HTTPConnectSession, code.HTTPAttemptConnect, code.HTTPSendRequest, code.HTTPGetResponseCode:
		return "let this machine reach the login host (see authority above) on port 443, in DNS, firewall and proxy"
	}
	return "latchkey explain " + w.current.Code.String()
}

// nextKey is for a vault that answered about a key.
func (w *walk) nextKey() string {
	name, version, _ := strings.Cut(w.cfg.Key, "/")
	if w.key.Version != "" {
		version = w.key.Version
	}
	on := " --vault " + w.vaultURL() + " --name " + name
	if version != "" {
		on += " --version " + version
	}
	show := "latchkey key show" + on
	f := keystore.FailureOf(w.current.Err)
	if f == nil {
		return show
	}
	host, _, _ := strings.Cut(w.cred.Target.Host, ".")
	switch f.Reason {
	case "KeyDisabled":
		return "latchkey key update" + on + " --enabled=true"
	case "KeyExpired":
		return "latchkey key update" + on + " --expires TIME, with a TIME to come"
	case "KeyNotYetValid":
		return "latchkey key update" + on + " --not-before TIME, with a TIME that has passed"
	case "KeyNotYetValidOrExpired":
		return show + ", and look at its times"
	case "KeyOperationForbidden":
		return "latchkey key update" + on + " --ops wrapKey,unwrapKey"
	case "ForbiddenByFirewall", "ForbiddenByConnection":
		return "az keyvault network-rule add --name " + host + " --ip-address ADDRESS, with the address that the vault saw"
	case "ForbiddenByPolicy":
		return "az keyvault set-policy --name " + host + " --spn " + w.clientID() + " --key-permissions get wrapKey unwrapKey"
	}
	switch f.Class {
	case keystore.Refused:
		if w.cred.Target.Kind == sqlcred.Private {
			return "on the vault's machine: latchkey vault access grant --name " + host + " --to " + w.clientID() + ` --role "` + w.role() + `"`
		}
		return `az role assignment create --role "` + w.role() + `" --assignee ` + w.clientID() + " --scope SCOPE, with the vault's resource id; it takes minutes to work"
	case keystore.Suspect:
		return "run this again in some minutes and look at the vault's status page: a 403 without a reason does not prove that a right was taken away"
	case keystore.Missing:
		return "latchkey key list --vault " + w.vaultURL()
	}
	return show
}

func (w *walk) nextMap() string {
	err := w.current.Err
	switch {
	case errors.Is(err, code.MapDamaged):
		return "nothing by hand: at its next use the connector sets the file aside and fills the map again from the vault; let the identity list keys for that"
	case errors.Is(err, syscall.ENOSPC):
		return "make room on the file system of " + w.mapName()
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return "give the service account write access to " + w.mapName() + " and its directory"
	}
	return "see what the error says of " + w.mapName()
}

func (w *walk) role() string {
	if w.cred.Target.Kind == sqlcred.ManagedHSM {
		return "Managed HSM Crypto Service Encryption User"
	}
	return "Key Vault Crypto Service Encryption User"
}

func (w *walk) clientID() string {
	if w.cred.ClientID == "" {
		return "PRINCIPAL"
	}
	return w.cred.ClientID
}

func (w *walk) vaultURL() string {
	if w.cred == nil {
		return "URL"
	}
	return w.cred.Target.URL
}
