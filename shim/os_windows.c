/* Windows: a named pipe, with nothing but kernel32 and advapi32. There is no C runtime: the three functions that the compiler may call
 * by itself are here. */
#include "shim.h"

#include <accctrl.h>
#include <aclapi.h>
#include <sddl.h>

/* ---- memory ---- */

void *memcpy(void *to, const void *from, size_t n)
{
	uint8_t *d = to;
	const uint8_t *s = from;
	while (n--)
		*d++ = *s++;
	return to;
}

void *memset(void *p, int c, size_t n)
{
	uint8_t *d = p;
	while (n--)
		*d++ = (uint8_t)c;
	return p;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;
	for (; n--; x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}

void wipe(void *p, size_t n)
{
	memset(p, 0, n);
	__asm__ volatile("" : : "r"(p) : "memory"); /* it must not be left out */
}

/* mapped reports whether all of a range may be read, or written. Memory that another thread frees in this moment is the
 * caller's fault that nothing here can catch. */
static bool mapped(const void *caller, size_t n, DWORD allowed)
{
	const uint8_t *p = caller;
	while (n > 0) {
		MEMORY_BASIC_INFORMATION m;
		if (VirtualQuery(p, &m, sizeof m) != sizeof m || m.State != MEM_COMMIT || !(m.Protect & allowed) ||
		    (m.Protect & (PAGE_GUARD | PAGE_NOACCESS)))
			return false;
		size_t here = m.RegionSize - (size_t)(p - (const uint8_t *)m.BaseAddress);
		if (here >= n)
			return true;
		p += here;
		n -= here;
	}
	return true;
}

enum {
	WRITABLE = PAGE_READWRITE | PAGE_WRITECOPY | PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY,
	READABLE = WRITABLE | PAGE_READONLY | PAGE_EXECUTE_READ,
};

bool os_read(void *to, const void *caller, size_t n)
{
	if (n == 0)
		return true;
	if (!caller || !mapped(caller, n, READABLE))
		return false;
	memcpy(to, caller, n);
	return true;
}

bool os_write(const void *caller, const void *from, size_t n)
{
	if (n == 0)
		return true;
	if (!caller || !mapped(caller, n, WRITABLE))
		return false;
	memcpy((void *)(uintptr_t)caller, from, n);
	return true;
}

void *os_alloc(size_t n)
{
	void *p = VirtualAlloc(NULL, n, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
	if (p)
		(void)VirtualLock(p, n); /* fails beyond the working set */
	return p;
}

void os_free(void *p, size_t n)
{
	wipe(p, n);
	VirtualFree(p, 0, MEM_RELEASE);
}

/* ---- time and locks ---- */

uint64_t os_now(void)
{
	return GetTickCount64();
}

void os_sleep(uint32_t ms)
{
	Sleep(ms);
}

void os_take(os_lock *l)
{
	AcquireSRWLockExclusive(l);
}

void os_give(os_lock *l)
{
	ReleaseSRWLockExclusive(l);
}

void os_cond_init(os_cond *c)
{
	InitializeConditionVariable(c);
}

void os_cond_end(os_cond *c)
{
	(void)c;
}

void os_wait(os_cond *c, os_lock *l, uint64_t until)
{
	uint64_t now = os_now();
	SleepConditionVariableSRW(c, l, now < until ? (DWORD)(until - now) : 0, 0);
}

void os_wake_all(os_cond *c)
{
	WakeAllConditionVariable(c);
}

/* ---- settings: the environment, else HKLM\SOFTWARE\Latchkey ---- */

static const WCHAR prefix[] = L"\\\\.\\pipe\\";

static uint32_t length(const WCHAR *s)
{
	uint32_t n = 0;
	while (s[n])
		n++;
	return n;
}

static bool begins(const WCHAR *s, const WCHAR *with)
{
	while (*with)
		if (*s++ != *with++)
			return false;
	return true;
}

static bool registry(const WCHAR *name, DWORD type, void *to, DWORD size)
{
	return RegGetValueW(HKEY_LOCAL_MACHINE, L"SOFTWARE\\Latchkey", name, type, NULL, to, &size) == ERROR_SUCCESS;
}

/* setting reads a text; what does not fit is as if it were empty but there. */
static bool setting(const WCHAR *variable, const WCHAR *name, WCHAR *to, uint32_t chars)
{
	DWORD n = variable ? GetEnvironmentVariableW(variable, to, chars) : 0;
	if (n >= chars)
		to[0] = 0;
	return n > 0 || registry(name, RRF_RT_REG_SZ, to, chars * (DWORD)sizeof *to);
}

static uint32_t number(const WCHAR *s)
{
	uint32_t v = 0;
	for (; *s >= L'0' && *s <= L'9' && v < 1000000; s++)
		v = v * 10 + (uint32_t)(*s - L'0');
	return *s ? 0 : v;
}

void os_settings(struct settings *to)
{
	WCHAR at[OS_MAX_ADDRESS] = L"pipe:latchkey-agent", text[192];
	DWORD ms = 0;

	memset(to, 0, sizeof *to);
	to->deadline = DEADLINE;
	(void)setting(L"LATCHKEY_AGENT", L"Agent", at, OS_MAX_ADDRESS);
	if (begins(at, L"pipe:") && at[5]) {
		const WCHAR *name = at + 5;
		if (begins(name, prefix))
			name += length(prefix);
		if (length(prefix) + length(name) < OS_MAX_ADDRESS) {
			memcpy(to->address, prefix, sizeof prefix);
			memcpy(to->address + length(prefix), name, (length(name) + 1) * sizeof *name);
			to->valid = true;
		}
	}
	if (GetEnvironmentVariableW(L"LATCHKEY_AGENT_DEADLINE_MS", text, 16) - 1 < 15)
		ms = number(text);
	else
		(void)registry(L"AgentDeadlineMs", RRF_RT_REG_DWORD, &ms, sizeof ms);
	if (ms >= DEADLINE_MIN && ms <= DEADLINE_MAX)
		to->deadline = ms;
	/* Who may own the pipe, and what program may serve it, are an administrator's to say: the registry alone. */
	PSID sid;
	if (setting(NULL, L"AgentOwner", text, 192)) {
		to->valid = to->valid && ConvertStringSidToSidW(text, &sid);
		if (to->valid) {
			to->valid = CopySid(sizeof to->owner, to->owner, sid);
			LocalFree(sid);
		}
	}
	(void)setting(NULL, L"AgentImage", to->image, MAX_PATH);
}

/* ---- the connection ---- */

/* own reports whether a SID is the one that this process runs as. */
static bool own(PSID owner)
{
	HANDLE token;
	union {
		TOKEN_USER user;
		uint8_t room[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
	} u;
	DWORD n;
	if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
		return false;
	bool yes = GetTokenInformation(token, TokenUser, &u, sizeof u, &n) && EqualSid(owner, u.user.User.Sid);
	CloseHandle(token);
	return yes;
}

/* The account that the agent's service has unless it is given another: NT SERVICE\LatchkeyAgent. Such a SID is the SHA-1 of the service's name
 * in capitals, so it is the same on every machine; only an administrator can make a service that runs as it. */
static const struct {
	uint8_t revision, count, authority[6];
	uint32_t part[6];
} service = {1, 6, {0, 0, 0, 0, 0, 5}, {80, 0xf03fd9a2, 0xc3f4dfae, 0x6da2bf7a, 0xc79346dd, 0x1d940701}};

/* owned reports whether the pipe was made by LocalSystem, by an administrator, by the agent's service, by our own account or by that of the
 * settings. Others cannot give their pipe such an owner. */
static bool owned(HANDLE pipe, const struct settings *set)
{
	PSID owner;
	PSECURITY_DESCRIPTOR sd;
	if (GetSecurityInfo(pipe, SE_KERNEL_OBJECT, OWNER_SECURITY_INFORMATION, &owner, NULL, NULL, NULL, &sd) != ERROR_SUCCESS)
		return false;
	bool yes = owner && (IsWellKnownSid(owner, WinLocalSystemSid) || IsWellKnownSid(owner, WinBuiltinAdministratorsSid) ||
			     EqualSid(owner, (PSID)(uintptr_t)&service) || (set->owner[0] && EqualSid(owner, (PSID)(uintptr_t)set->owner)) || own(owner));
	LocalFree(sd);
	return yes;
}

/* served reports whether the process at the other end runs the program of the settings, if they name one. */
static bool served(HANDLE pipe, const struct settings *set)
{
	if (!set->image[0])
		return true;
	ULONG id;
	WCHAR image[MAX_PATH];
	DWORD n = MAX_PATH;
	if (!GetNamedPipeServerProcessId(pipe, &id))
		return false;
	HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, id);
	if (!process)
		return false;
	bool yes = QueryFullProcessImageNameW(process, 0, image, &n) &&
		   CompareStringOrdinal(image, -1, set->image, -1, TRUE) == CSTR_EQUAL;
	CloseHandle(process);
	return yes;
}

/* What the agent's access list grants: all of reading and writing but FILE_APPEND_DATA, which on a pipe is the right to make a server's
 * instance, and is part of GENERIC_WRITE. */
enum { CLIENT_ACCESS = (FILE_GENERIC_READ | FILE_GENERIC_WRITE) & ~FILE_APPEND_DATA };

/* dial opens the pipe. Where all its instances are busy, as in the moment in which another client came, it waits for the next. */
static HANDLE dial(const struct settings *set)
{
	uint64_t until = os_now() + CONNECT_PAUSE;
	for (;;) {
		HANDLE pipe = CreateFileW(set->address, CLIENT_ACCESS, 0, NULL, OPEN_EXISTING,
					  FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);
		uint64_t now = os_now();
		if (pipe != INVALID_HANDLE_VALUE || GetLastError() != ERROR_PIPE_BUSY || now >= until)
			return pipe;
		(void)WaitNamedPipeW(set->address, (DWORD)(until - now));
	}
}

int os_connect(struct stream *s, const struct settings *set)
{
	/* The pipe is for the server's own account: if this thread acts for a client just now, not while it is opened. */
	HANDLE acting = NULL, event, pipe;
	if (OpenThreadToken(GetCurrentThread(), TOKEN_IMPERSONATE, TRUE, &acting) && !RevertToSelf()) {
		CloseHandle(acting);
		return AGENT_ABSENT;
	}
	int code = 0;
	pipe = dial(set);
	if (pipe == INVALID_HANDLE_VALUE)
		code = AGENT_ABSENT;
	else if (GetFileType(pipe) != FILE_TYPE_PIPE || !owned(pipe, set) || !served(pipe, set))
		code = AGENT_FOREIGN;
	if (acting) {
		/* The thread must not go on with more rights than it had. */
		if (!SetThreadToken(NULL, acting))
			code = AGENT_ABSENT;
		CloseHandle(acting);
	}
	event = code ? NULL : CreateEventW(NULL, TRUE, FALSE, NULL);
	if (!event) {
		if (pipe != INVALID_HANDLE_VALUE)
			CloseHandle(pipe);
		return code ? code : AGENT_ABSENT;
	}
	s->pipe = pipe;
	s->event = event;
	return 0;
}

/* settle waits for a started transfer, in slices so that an abort is noticed, and calls it off if it must. Either way it is over
 * afterwards: the system writes into this buffer no more. */
static enum io settle(struct stream *s, OVERLAPPED *o, uint64_t until, atomic_bool *stop, DWORD *moved)
{
	enum io how = IO_OK;
	for (;;) {
		if (WaitForSingleObject(s->event, 0) == WAIT_OBJECT_0)
			break;
		uint64_t now = os_now();
		if (atomic_load(stop))
			how = IO_STOPPED;
		else if (now >= until)
			how = IO_LATE;
		if (how != IO_OK) {
			CancelIoEx(s->pipe, o);
			break;
		}
		uint64_t left = until - now;
		(void)WaitForSingleObject(s->event, left < WAIT_SLICE ? (DWORD)left : WAIT_SLICE);
	}
	*moved = 0;
	if (!GetOverlappedResult(s->pipe, o, moved, TRUE) && how == IO_OK)
		how = IO_BROKEN;
	return how;
}

static enum io move(struct stream *s, uint8_t *p, size_t n, uint64_t until, atomic_bool *stop, size_t *done, bool out)
{
	for (*done = 0; *done < n;) {
		OVERLAPPED o = {.hEvent = s->event};
		DWORD moved, want = (DWORD)(n - *done);
		BOOL ok = out ? WriteFile(s->pipe, p + *done, want, NULL, &o) : ReadFile(s->pipe, p + *done, want, NULL, &o);
		if (!ok && GetLastError() != ERROR_IO_PENDING)
			return IO_BROKEN;
		enum io how = settle(s, &o, until, stop, &moved);
		*done += moved;
		if (how != IO_OK)
			return how;
		if (!moved)
			return IO_BROKEN;
	}
	return IO_OK;
}

enum io os_send(struct stream *s, const uint8_t *p, size_t n, uint64_t until, atomic_bool *stop, size_t *done)
{
	return move(s, (uint8_t *)(uintptr_t)p, n, until, stop, done, true);
}

enum io os_recv(struct stream *s, uint8_t *p, size_t n, uint64_t until, atomic_bool *stop, size_t *done)
{
	return move(s, p, n, until, stop, done, false);
}

bool os_quiet(struct stream *s)
{
	DWORD waiting;
	return PeekNamedPipe(s->pipe, NULL, 0, NULL, &waiting, NULL) && waiting == 0;
}

void os_disconnect(struct stream *s)
{
	CloseHandle(s->pipe);
	CloseHandle(s->event);
	s->pipe = s->event = NULL;
}

/* Whoever unloads the library without SqlCryptFreeProvider leaves no credentials behind. At the end of the process
 * (reserved is set) other threads are gone with whatever they held: then nothing is safe to do, nor needed. */
BOOL WINAPI DllMain(HINSTANCE self, DWORD reason, LPVOID reserved);
BOOL WINAPI DllMain(HINSTANCE self, DWORD reason, LPVOID reserved)
{
	if (reason == DLL_PROCESS_ATTACH)
		DisableThreadLibraryCalls(self);
	if (reason == DLL_PROCESS_DETACH && !reserved)
		sessions_end(0);
	return TRUE;
}
