/* What the caller hands over, and what it gets back. shim.h describes the functions. */
#include "shim.h"

bool in_bytes(uint8_t *to, uint32_t *len, const ekm_data *caller, uint32_t min, uint32_t max)
{
	ekm_data d;
	if (!os_read(&d, caller, sizeof d) || d.cb < min || d.cb > max || !os_read(to, d.pb, d.cb))
		return false;
	*len = d.cb;
	return true;
}

bool in_text(uint8_t *to, uint32_t *len, const ekm_str *caller, uint32_t min, uint32_t max)
{
	ekm_str s;
	if (!os_read(&s, caller, sizeof s) || s.cb < min || s.cb > max || s.cb % 2 || !os_read(to, s.ws, s.cb))
		return false;
	*len = s.cb;
	return true;
}

void *field(const void *base, size_t at)
{
	return (void *)((uintptr_t)base + at);
}

bool out_u32(const void *to, uint32_t v)
{
	return os_write(to, &v, sizeof v);
}

int tell_size(const void *cb, uint32_t need)
{
	return out_u32(cb, need) ? EKM_SMALL_BUFFER : EKM_BAD_ARGUMENT;
}

int out_bytes(ekm_data *caller, const uint8_t *from, uint32_t n)
{
	ekm_data d;
	if (!os_read(&d, caller, sizeof d))
		return EKM_BAD_ARGUMENT;
	if (!d.pb || d.cb < n)
		return tell_size(caller, n);
	return os_write(d.pb, from, n) && out_u32(caller, n) ? EKM_SUCCESS : EKM_BAD_ARGUMENT;
}

uint64_t call_deadline(void)
{
	struct settings set;
	global_settings(&set);
	return os_now() + set.deadline;
}
