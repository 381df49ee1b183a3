package agentd

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc/mgr"
)

// KeymapKey is the documented branch of the registry where thumbprints are mapped to keys.
const KeymapKey = `SOFTWARE\Microsoft\SQL Server Cryptographic Provider`

const sourceKey = `SYSTEM\CurrentControlSet\Services\EventLog\Application\` + EventSource

// DirectoryDescriptor is the access list of the directory of settings: administrators and the system may write, the agent's service may read, nobody else may anything.
func DirectoryDescriptor() string {
	return "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;" + ServiceSID(ServiceName) + ")"
}

// ProtectDirectory gives a directory the access list of [DirectoryDescriptor].
func ProtectDirectory(path string) error {
	sd, err := windows.SecurityDescriptorFromString(DirectoryDescriptor())
	if err != nil {
		return fmt.Errorf("making the access list of %q: %w", path, err)
	}
	dacl, _, err := sd.DACL()
	if err != nil {
		return fmt.Errorf("making the access list of %q: %w", path, err)
	}
	const what = windows.DACL_SECURITY_INFORMATION | windows.PROTECTED_DACL_SECURITY_INFORMATION
	if err := windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, what, nil, nil, dacl, nil); err != nil {
		return fmt.Errorf("setting the access list of %q: %w; run this as an administrator", path, err)
	}
	return nil
}

// DirectoryProtected reports whether a directory has an access list that is not inherited and names the agent's service.
func DirectoryProtected(path string) (bool, error) {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("asking for the access list of %q: %w", path, err)
	}
	control, _, err := sd.Control()
	if err != nil {
		return false, err
	}
	return control&windows.SE_DACL_PROTECTED != 0 && strings.Contains(sd.String(), ServiceSID(ServiceName)), nil
}

// GrantKeymap makes the branch of thumbprints and gives the agent's service full control of it, as the documentation of Microsoft's connector asks for its users. What others
// may there stays.
func GrantKeymap() error {
	k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, KeymapKey, registry.QUERY_VALUE)
	if err != nil {
		return fmt.Errorf("making %s: %w; run this as an administrator", KeymapKey, err)
	}
	defer k.Close()
	const object = `MACHINE\` + KeymapKey
	old, err := windows.GetNamedSecurityInfo(object, windows.SE_REGISTRY_KEY, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("asking for the access list of %s: %w", KeymapKey, err)
	}
	dacl, _, err := old.DACL()
	if err != nil && !errors.Is(err, windows.ERROR_OBJECT_NOT_FOUND) {
		return err
	}
	sid, err := windows.StringToSid(ServiceSID(ServiceName))
	if err != nil {
		return err
	}
	merged, err := windows.ACLFromEntries([]windows.EXPLICIT_ACCESS{{
		AccessPermissions: registry.ALL_ACCESS, AccessMode: windows.GRANT_ACCESS, Inheritance: windows.SUB_CONTAINERS_AND_OBJECTS_INHERIT,
		Trustee: windows.TRUSTEE{TrusteeForm: windows.TRUSTEE_IS_SID, TrusteeValue: windows.TrusteeValueFromSID(sid)},
	}}, dacl)
	if err == nil {
		err = windows.SetNamedSecurityInfo(object, windows.SE_REGISTRY_KEY, windows.DACL_SECURITY_INFORMATION, nil, nil, merged, nil)
	}
	if err != nil {
		return fmt.Errorf("giving the agent's service access to %s: %w", KeymapKey, err)
	}
	return nil
}

// KeymapGranted reports whether the access list of the branch names the agent's service.
func KeymapGranted() (bool, error) {
	sd, err := windows.GetNamedSecurityInfo(`MACHINE\`+KeymapKey, windows.SE_REGISTRY_KEY, windows.DACL_SECURITY_INFORMATION)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("asking for the access list of %s: %w", KeymapKey, err)
	}
	return strings.Contains(sd.String(), ServiceSID(ServiceName)), nil
}

// MessageFile is the file with the texts of the source's events; "" if there is none.
func MessageFile() (string, error) {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, sourceKey, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("opening the source %q of events: %w", EventSource, err)
	}
	defer k.Close()
	v, _, err := k.GetStringValue("EventMessageFile")
	if errors.Is(err, registry.ErrNotExist) {
		return "", nil
	}
	return v, err
}

// SetMessageFile registers the source of events with the file that has their texts. "" removes the source.
func SetMessageFile(path string) error {
	if path == "" {
		if err := registry.DeleteKey(registry.LOCAL_MACHINE, sourceKey); err != nil && !errors.Is(err, registry.ErrNotExist) {
			return fmt.Errorf("removing the source %q of events: %w", EventSource, err)
		}
		return nil
	}
	k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, sourceKey, registry.SET_VALUE)
	if err != nil {
		return fmt.Errorf("registering the source %q of events: %w; run this as an administrator", EventSource, err)
	}
	defer k.Close()
	const types = windows.EVENTLOG_ERROR_TYPE | windows.EVENTLOG_WARNING_TYPE | windows.EVENTLOG_INFORMATION_TYPE
	if err = k.SetExpandStringValue("EventMessageFile", path); err == nil {
		err = k.SetDWordValue("TypesSupported", types)
	}
	if err != nil {
		return fmt.Errorf("registering the source %q of events: %w", EventSource, err)
	}
	return nil
}

// Installed tells what there is of the service: whether it is there, and whether it is as Install would make it.
func Installed(c ServiceConfig) (there, same bool, err error) {
	c.fill()
	m, err := mgr.Connect()
	if err != nil {
		return false, false, fmt.Errorf("opening the service manager: %w; run this as an administrator", err)
	}
	defer func() { _ = m.Disconnect() }()
	s, err := m.OpenService(c.Name)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return false, false, nil
	}
	if err != nil {
		return false, false, fmt.Errorf("opening the service %q: %w", c.Name, err)
	}
	defer s.Close()
	have, err := s.Config()
	if err != nil {
		return true, false, fmt.Errorf("asking how the service %q is set up: %w", c.Name, err)
	}
	return true, have.BinaryPathName == command(c) && strings.EqualFold(have.ServiceStartName, c.Account) && have.StartType == mgr.StartAutomatic, nil
}
