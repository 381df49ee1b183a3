/* Bytes of requests and responses. Nothing here waits or keeps anything. */
#include "shim.h"

void store_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

void store_u32(uint8_t *p, uint32_t v)
{
	store_u16(p, (uint16_t)v);
	store_u16(p + 2, (uint16_t)(v >> 16));
}

uint16_t load_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t load_u32(const uint8_t *p)
{
	return load_u16(p) | (uint32_t)load_u16(p + 2) << 16;
}

void frame_new(struct frame *f, uint16_t op)
{
	f->len = FRAME_HEADER;
	f->at = 0;
	f->bad = false;
	f->op = op;
	f->flags = 0;
	f->code = 0;
}

void frame_head(uint8_t *p, uint32_t n, uint16_t op, uint16_t flags, uint32_t id, uint32_t deadline)
{
	store_u32(p, n - FRAME_HEADER);
	store_u16(p + 4, op);
	store_u16(p + 6, flags);
	store_u32(p + 8, id);
	store_u32(p + 12, deadline);
}

/* room gives the place of n more bytes, or NULL. */
static uint8_t *room(struct frame *f, uint32_t n)
{
	if (f->bad || n > sizeof f->b - f->len) {
		f->bad = true;
		return NULL;
	}
	f->len += n;
	return f->b + f->len - n;
}

void put_u16(struct frame *f, uint16_t v)
{
	uint8_t *p = room(f, 2);
	if (p)
		store_u16(p, v);
}

void put_u32(struct frame *f, uint32_t v)
{
	uint8_t *p = room(f, 4);
	if (p)
		store_u32(p, v);
}

void put_raw(struct frame *f, const void *from, uint32_t n)
{
	uint8_t *p = room(f, n);
	if (p && n)
		memcpy(p, from, n);
}

void put_bytes(struct frame *f, const void *p, uint32_t n)
{
	put_u32(f, n);
	put_raw(f, p, n);
}

/* next gives the place of the next n bytes of a response, or NULL. */
static const uint8_t *next(struct frame *f, uint32_t n)
{
	if (f->bad || n > f->len - f->at) {
		f->bad = true;
		return NULL;
	}
	f->at += n;
	return f->b + f->at - n;
}

uint8_t get_u8(struct frame *f)
{
	const uint8_t *p = next(f, 1);
	return p ? *p : 0;
}

uint16_t get_u16(struct frame *f)
{
	const uint8_t *p = next(f, 2);
	return p ? load_u16(p) : 0;
}

uint32_t get_u32(struct frame *f)
{
	const uint8_t *p = next(f, 4);
	return p ? load_u32(p) : 0;
}

void get_raw(struct frame *f, void *to, uint32_t n)
{
	const uint8_t *p = next(f, n);
	if (p)
		memcpy(to, p, n);
}

uint32_t get_bytes(struct frame *f, void *to, uint32_t min, uint32_t max)
{
	uint32_t n = get_u32(f);
	if (n < min || n > max)
		f->bad = true;
	const uint8_t *p = next(f, n);
	if (!p)
		return 0;
	memcpy(to, p, n);
	return n;
}

bool get_key(struct frame *f, struct key *to)
{
	memset(to, 0, sizeof *to);
	to->id = get_u32(f);
	to->alg = get_u32(f);
	to->flags = get_u32(f);
	to->bits = get_u32(f);
	to->size = get_u32(f);
	to->thumb_len = get_bytes(f, to->thumb, 1, sizeof to->thumb);
	to->name_len = get_bytes(f, to->name, 0, sizeof to->name);
	if (to->name_len % 2 || to->size > MAX_PAYLOAD)
		f->bad = true;
	return !f->bad;
}

static void get_version(struct frame *f, ekm_version *v)
{
	v->major = get_u8(f);
	v->minor = get_u8(f);
	v->build = get_u16(f);
	v->revision = get_u8(f);
}

bool get_provider(struct frame *f, struct provider *to)
{
	memset(to, 0, sizeof *to);
	get_raw(f, to->info.guid.bytes, sizeof to->info.guid.bytes);
	get_version(f, &to->info.provider_version);
	get_version(f, &to->info.api_version);
	to->info.auth_type = (int32_t)get_u32(f);
	to->info.sym_flags = get_u32(f);
	to->info.asym_flags = get_u32(f);
	to->info.max_thumb_len = get_u32(f);
	to->info.accepts_key_name = get_u8(f);
	to->info.name.cb = get_bytes(f, to->name, 0, sizeof to->name);
	if (to->info.name.cb % 2 || to->info.max_thumb_len > EKM_MAX_THUMBPRINT)
		f->bad = true;
	return to->known = !f->bad;
}

bool get_algorithms(struct frame *f, struct algorithms *to)
{
	memset(to, 0, sizeof *to);
	to->count = get_u32(f);
	if (to->count > MAX_ALGORITHMS)
		f->bad = true;
	for (uint32_t i = 0, last = 0; !f->bad && i < to->count; i++) {
		struct algorithm *a = &to->list[i];
		a->id = get_u32(f);
		a->asymmetric = get_u32(f);
		a->bits = get_u32(f);
		a->iv_bits = get_u32(f);
		a->tag_len = get_bytes(f, a->tag, 2, sizeof a->tag);
		if (a->id <= last || a->asymmetric > 1 || a->tag_len % 2)
			f->bad = true;
		last = a->id;
	}
	return to->known = !f->bad;
}
