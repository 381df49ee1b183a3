/* The 17 functions. What the caller hands over is copied before it is looked at (caller.c), its lengths are checked before anything is
 * sent, and its buffers are written last. Where a function has to tell a size first (code 2), it does so without the agent if it can. */
#include "shim.h"

/* Exactly these names leave the library: by visibility on Linux, by latchkey-ekm.def on Windows. */
#ifdef _WIN32
#define EXPORT
#else
#define EXPORT __attribute__((visibility("default")))
#endif
#define X(number, name, parameters) EXPORT int name parameters;
EKM_EXPORTS(X)
#undef X

/* ---- provider ---- */

int SqlCryptInitializeProvider(void)
{
	global_start(true);
	return EKM_SUCCESS;
}

int SqlCryptFreeProvider(void)
{
	if (global_end())
		sessions_end(2000);
	return EKM_SUCCESS;
}

/* The agent is asked once; if it does not answer at once, what is built in has to do. */
static void learn_provider(struct provider *p)
{
	struct frame f;
	if (global_provider(p, false))
		return;
	atomic_bool *stop = global_enter();
	if (call_once(OP_INFO, &f, os_now() + 1000, stop) || !get_provider(&f, p))
		builtin_provider(p);
	global_leave();
	global_provider(p, true);
}

static void learn_algorithms(struct algorithms *a)
{
	struct frame f;
	if (global_algorithms(a, false))
		return;
	atomic_bool *stop = global_enter();
	if (call_once(OP_ALGORITHMS, &f, os_now() + 1000, stop) || !get_algorithms(&f, a))
		builtin_algorithms(a);
	global_leave();
	global_algorithms(a, true);
}

int SqlCryptGetProviderInfo(ekm_provider_info *out)
{
	struct provider p;
	ekm_provider_info caller;
	if (!os_read(&caller, out, sizeof caller))
		return EKM_BAD_ARGUMENT;
	learn_provider(&p);
	if (!caller.name.ws || caller.name.cb < p.info.name.cb)
		return tell_size(FIELD(out, ekm_provider_info, name), p.info.name.cb);
	p.info.name.ws = caller.name.ws;
	return os_write(caller.name.ws, p.name, p.info.name.cb) && os_write(out, &p.info, sizeof p.info) ? EKM_SUCCESS : EKM_BAD_ARGUMENT;
}

int SqlCryptGetNextAlgorithmId(uint32_t *alg_id)
{
	struct algorithms all;
	uint32_t last;
	if (!os_read(&last, alg_id, sizeof last))
		return EKM_BAD_ARGUMENT;
	learn_algorithms(&all);
	for (uint32_t i = 0; i < all.count; i++)
		if (all.list[i].id > last)
			return out_u32(alg_id, all.list[i].id) ? EKM_SUCCESS : EKM_BAD_ARGUMENT;
	return EKM_NOT_FOUND;
}

int SqlCryptGetAlgorithmInfo(uint32_t alg_id, ekm_algorithm_info *out)
{
	struct algorithms all;
	ekm_algorithm_info info;
	if (!os_read(&info, out, sizeof info))
		return EKM_BAD_ARGUMENT;
	learn_algorithms(&all);
	for (uint32_t i = 0; i < all.count; i++) {
		const struct algorithm *a = &all.list[i];
		if (a->id != alg_id)
			continue;
		if (!info.tag.ws || info.tag.cb < a->tag_len)
			return tell_size(FIELD(out, ekm_algorithm_info, tag), a->tag_len);
		info.alg_id = a->id;
		info.tag.cb = a->tag_len;
		info.key_type = (int32_t)a->asymmetric;
		info.bit_len = a->bits;
		info.iv_len = a->iv_bits;
		return os_write(info.tag.ws, a->tag, a->tag_len) && os_write(out, &info, sizeof info) ? EKM_SUCCESS : EKM_BAD_ARGUMENT;
	}
	return EKM_NOT_FOUND;
}

/* ---- sessions ---- */

int SqlCryptOpenSession(const ekm_credential *cred, ekm_session *slot)
{
	uint64_t until = call_deadline();
	ekm_credential c = {0};
	struct session *s;
	/* The slot must be writable before anything is opened for it. */
	ekm_session handle = 0;
	if (cred && (!os_read(&c, cred, sizeof c) || c.name.cb > MAX_IDENTITY || c.password.cb > MAX_SECRET || c.name.cb % 2 || c.password.cb % 2))
		return EKM_BAD_ARGUMENT;
	if (!os_write(slot, &handle, sizeof handle))
		return EKM_BAD_ARGUMENT;

	/* The OPEN request is the form in which the session remembers its credential. */
	uint32_t len = FRAME_HEADER + 4 + 4 + c.name.cb + 4 + c.password.cb + 4;
	int code = session_begin(&s, len);
	if (code)
		return code;
	uint8_t *p = s->open_frame + FRAME_HEADER;
	store_u32(p, cred ? OPEN_CREDENTIAL : 0);
	store_u32(p + 4, c.name.cb);
	store_u32(p + 8 + c.name.cb, c.password.cb);
	store_u32(s->open_frame + len - 4, 0);
	if (!os_read(p + 8, c.name.ws, c.name.cb) || !os_read(p + 12 + c.name.cb, c.password.ws, c.password.cb))
		code = EKM_BAD_ARGUMENT;
	else
		code = call_open(s, until);

	handle = s->handle;
	if (!code && !os_write(slot, &handle, sizeof handle))
		code = EKM_BAD_ARGUMENT;
	if (code)
		session_close(&handle, false);
	session_give(s);
	return code;
}

int SqlCryptCloseSession(ekm_session *slot, uint8_t abort)
{
	return session_close(slot, abort != 0);
}

/* ---- keys ---- */

/* finish ends a call: what was in its frames is overwritten, and the session is free for others. */
static int finish(struct session *s, struct frame *a, struct frame *b, int code)
{
	wipe(a, sizeof *a);
	wipe(b, sizeof *b);
	if (s)
		session_give(s);
	return code;
}

/* The engine asks for sizes, then calls again for the same: the second call gets the answer of the first. It is kept for one such call
 * and not for long. */
enum { KEEP = 10000 };

static void keep(struct session *s, const struct frame *request, bool fresh)
{
	s->kept.op = request->op;
	s->kept.arg_len = request->len - FRAME_HEADER;
	memcpy(s->kept.arg, request->b + FRAME_HEADER, s->kept.arg_len < sizeof s->kept.arg ? s->kept.arg_len : sizeof s->kept.arg);
	if (fresh)
		s->kept.until = os_now() + KEEP;
}

static bool is_kept(struct session *s, const struct frame *request)
{
	bool same = s->kept.op == request->op && s->kept.arg_len == request->len - FRAME_HEADER &&
		    s->kept.arg_len <= sizeof s->kept.arg && memcmp(s->kept.arg, request->b + FRAME_HEADER, s->kept.arg_len) == 0 &&
		    os_now() < s->kept.until;
	s->kept.op = 0;
	return same;
}

/* fetch_key gives the key that a request asks for, kept or from the agent. */
static int fetch_key(struct session *s, struct frame *request, struct frame *response, struct key *k, uint64_t until, bool *fresh)
{
	*fresh = !is_kept(s, request);
	if (!*fresh) {
		*k = s->kept.key;
		return EKM_SUCCESS;
	}
	int code = call_session(s, request, response, until);
	if (code)
		return code;
	if (!get_key(response, k))
		return AGENT_GARBLED;
	size_learn(k);
	return EKM_SUCCESS;
}

/* key_info is what three functions have in common. */
static int key_info(const ekm_session *slot, struct frame *request, ekm_key_info *out)
{
	uint64_t until = call_deadline();
	struct frame response;
	struct session *s = NULL;
	struct key k;
	ekm_key_info info;
	bool fresh;

	if (!os_read(&info, out, sizeof info))
		return finish(NULL, request, &response, EKM_BAD_ARGUMENT);
	int code = session_take(&s, slot, until);
	if (code)
		return finish(NULL, request, &response, code);
	code = fetch_key(s, request, &response, &k, until, &fresh);
	if (code)
		return finish(s, request, &response, code);

	if (!info.name.ws || info.name.cb < k.name_len || !info.thumb.pb || info.thumb.cb < k.thumb_len) {
		keep(s, request, fresh);
		s->kept.key = k;
		code = out_u32(FIELD(out, ekm_key_info, name), k.name_len) && out_u32(FIELD(out, ekm_key_info, thumb), k.thumb_len) ?
			       EKM_SMALL_BUFFER :
			       EKM_BAD_ARGUMENT;
		return finish(s, request, &response, code);
	}
	info.name.cb = k.name_len;
	info.thumb.cb = k.thumb_len;
	info.alg_id = k.alg;
	info.flags = k.flags;
	if (!os_write(info.name.ws, k.name, k.name_len) || !os_write(info.thumb.pb, k.thumb, k.thumb_len) || !os_write(out, &info, sizeof info))
		code = EKM_BAD_ARGUMENT;
	return finish(s, request, &response, code);
}

int SqlCryptGetKeyInfoByName(const ekm_session *slot, const ekm_str *name, ekm_key_info *out)
{
	struct frame request;
	uint8_t text[EKM_MAX_KEY_NAME];
	uint32_t n;
	if (!in_text(text, &n, name, 2, sizeof text))
		return EKM_BAD_ARGUMENT;
	frame_new(&request, OP_KEY_BY_NAME);
	put_bytes(&request, text, n);
	return key_info(slot, &request, out);
}

int SqlCryptGetKeyInfoByThumb(const ekm_session *slot, const ekm_data *thumb, ekm_key_info *out)
{
	struct frame request;
	uint8_t t[EKM_MAX_THUMBPRINT];
	uint32_t n;
	if (!in_bytes(t, &n, thumb, 1, sizeof t))
		return EKM_BAD_ARGUMENT;
	frame_new(&request, OP_KEY_BY_THUMB);
	put_bytes(&request, t, n);
	return key_info(slot, &request, out);
}

int SqlCryptGetKeyInfoByKeyId(const ekm_session *slot, uint32_t key_id, ekm_key_info *out)
{
	struct frame request;
	frame_new(&request, OP_KEY_BY_ID);
	put_u32(&request, key_id);
	return key_info(slot, &request, out);
}

int SqlCryptGetNextKeyId(const ekm_session *slot, uint32_t *key_id)
{
	uint64_t until = call_deadline();
	struct frame request, response;
	struct session *s = NULL;
	struct key k;
	uint32_t after;

	if (!os_read(&after, key_id, sizeof after))
		return EKM_BAD_ARGUMENT;
	int code = session_take(&s, slot, until);
	if (code)
		return code;
	frame_new(&request, OP_KEY_NEXT);
	put_u32(&request, after);
	code = call_session(s, &request, &response, until);
	if (!code && (!get_key(&response, &k) || k.id == 0))
		code = AGENT_GARBLED;
	if (!code && !out_u32(key_id, k.id))
		code = EKM_BAD_ARGUMENT;
	return finish(s, &request, &response, code);
}

int SqlCryptExportKey(const ekm_session *slot, const ekm_data *thumb, const ekm_data *encryptor, int32_t blob_type, ekm_data *blob)
{
	uint64_t until = call_deadline();
	struct frame request, response;
	struct session *s = NULL;
	uint8_t t[EKM_MAX_THUMBPRINT], b[EKM_MAX_BLOB];
	uint32_t n, len;
	ekm_data with = {0}, out;

	if (!in_bytes(t, &n, thumb, 1, sizeof t) || !os_read(&out, blob, sizeof out) || (encryptor && !os_read(&with, encryptor, sizeof with)))
		return EKM_BAD_ARGUMENT;
	int code = session_take(&s, slot, until);
	if (code)
		return code;
	frame_new(&request, OP_PUBLIC_KEY);
	put_bytes(&request, t, n);
	if (blob_type != EKM_BLOB_PUBLIC || with.cb) /* private and symmetric keys stay where they are */
		return finish(s, &request, &response, EKM_NOT_SUPPORTED);
	bool fresh = !is_kept(s, &request);
	if (!fresh) {
		len = s->kept.blob_len;
		memcpy(b, s->kept.blob, len);
	} else {
		code = call_session(s, &request, &response, until);
		len = code ? 0 : get_bytes(&response, b, 1, sizeof b);
		if (!code && response.bad)
			code = AGENT_GARBLED;
	}
	if (!code)
		code = out_bytes(blob, b, len);
	if (code == EKM_SMALL_BUFFER) {
		keep(s, &request, fresh);
		s->kept.blob_len = len;
		memcpy(s->kept.blob, b, len);
	}
	return finish(s, &request, &response, code);
}

/* The next three are never sent twice: what they do shows. The agent's provider leaves them to the key store's own tools (code 3). */

int SqlCryptCreateKey(const ekm_session *slot, const ekm_str *name, uint32_t alg_id, uint32_t flags, ekm_data *thumb)
{
	uint64_t until = call_deadline();
	struct frame request, response;
	struct session *s = NULL;
	struct provider p;
	uint8_t text[EKM_MAX_KEY_NAME], t[EKM_MAX_THUMBPRINT] = {0};
	uint32_t n;
	ekm_data out;

	learn_provider(&p);
	/* There is no question for a size here, and no key must be made whose thumbprint then has no room. */
	if (!in_text(text, &n, name, 2, sizeof text) || !os_read(&out, thumb, sizeof out) || !out.pb || out.cb < p.info.max_thumb_len ||
	    !os_write(out.pb, t, p.info.max_thumb_len))
		return EKM_BAD_ARGUMENT;
	int code = session_take(&s, slot, until);
	if (code)
		return code;
	frame_new(&request, OP_CREATE_KEY);
	put_u32(&request, alg_id);
	put_u32(&request, flags);
	put_bytes(&request, text, n);
	code = call_session(s, &request, &response, until);
	n = code ? 0 : get_bytes(&response, t, 1, p.info.max_thumb_len);
	if (!code && response.bad)
		code = AGENT_UNKNOWN;
	if (!code)
		code = out_bytes(thumb, t, n);
	return finish(s, &request, &response, code);
}

int SqlCryptDropKey(const ekm_session *slot, const ekm_data *thumb)
{
	uint64_t until = call_deadline();
	struct frame request, response;
	struct session *s = NULL;
	uint8_t t[EKM_MAX_THUMBPRINT];
	uint32_t n;

	if (!in_bytes(t, &n, thumb, 1, sizeof t))
		return EKM_BAD_ARGUMENT;
	int code = session_take(&s, slot, until);
	if (code)
		return code;
	frame_new(&request, OP_DROP_KEY);
	put_bytes(&request, t, n);
	return finish(s, &request, &response, call_session(s, &request, &response, until));
}

int SqlCryptImportKey(const ekm_session *slot, const ekm_str *name, const ekm_data *decryptor, int32_t blob_type, uint32_t flags,
		      const ekm_data *blob)
{
	uint64_t until = call_deadline();
	struct frame request, response;
	struct session *s = NULL;
	uint8_t text[EKM_MAX_KEY_NAME], t[EKM_MAX_THUMBPRINT], b[EKM_MAX_BLOB];
	uint32_t n, tn = 0, bn;

	if (!in_text(text, &n, name, 2, sizeof text) || (decryptor && !in_bytes(t, &tn, decryptor, 0, sizeof t)))
		return EKM_BAD_ARGUMENT;
	if (!in_bytes(b, &bn, blob, 1, sizeof b)) {
		wipe(b, sizeof b);
		return EKM_BAD_ARGUMENT;
	}
	int code = session_take(&s, slot, until);
	if (code) {
		wipe(b, sizeof b);
		return code;
	}
	frame_new(&request, OP_IMPORT_KEY);
	put_u32(&request, (uint32_t)blob_type);
	put_u32(&request, flags);
	put_bytes(&request, text, n);
	put_bytes(&request, t, tn);
	put_bytes(&request, b, bn);
	wipe(b, sizeof b);
	return finish(s, &request, &response, call_session(s, &request, &response, until));
}

/* ---- wrapping ---- */

/* in_params looks at encryption parameters: RSA takes none, so there may be empty ones alone. */
static int in_params(uint8_t final, const ekm_enc_param *params, uint32_t count)
{
	if (count > 16)
		return EKM_BAD_ARGUMENT;
	for (uint32_t i = 0; i < count; i++) {
		ekm_enc_param p;
		if (!os_read(&p, field(params, i * sizeof p), sizeof p) || p.cb)
			return EKM_BAD_ARGUMENT;
	}
	return final ? EKM_SUCCESS : EKM_NOT_SUPPORTED; /* parts of a message are for symmetric keys */
}

/* cipher_size gives the length of a ciphertext under a key. */
static int cipher_size(struct session *s, const uint8_t *thumb, uint32_t n, struct frame *request, struct frame *response, uint64_t until,
		       uint32_t *size)
{
	struct key k;
	bool fresh;
	*size = size_of(thumb, n);
	if (*size)
		return EKM_SUCCESS;
	frame_new(request, OP_KEY_BY_THUMB);
	put_bytes(request, thumb, n);
	int code = fetch_key(s, request, response, &k, until, &fresh);
	*size = k.size;
	return !code && !k.size ? AGENT_GARBLED : code;
}

/* transform is Encrypt (OP_WRAP) and Decrypt (OP_UNWRAP). */
static int transform(uint16_t op, const ekm_session *slot, const ekm_data *thumb, const ekm_data *in, ekm_data *out)
{
	uint64_t until = call_deadline();
	struct frame request, response;
	struct session *s = NULL;
	uint8_t t[EKM_MAX_THUMBPRINT], b[MAX_PAYLOAD];
	uint32_t n, len, size;
	ekm_data room;

	if (!in_bytes(t, &n, thumb, 1, sizeof t) || !os_read(&room, out, sizeof room) || !in_bytes(b, &len, in, 1, sizeof b)) {
		wipe(b, sizeof b);
		return EKM_BAD_ARGUMENT;
	}
	int code = session_take(&s, slot, until);
	if (code) {
		wipe(b, sizeof b);
		return code;
	}
	bool probe = !room.pb || !room.cb;
	if (op == OP_WRAP) {
		code = cipher_size(s, t, n, &request, &response, until, &size);
		probe = probe || room.cb < size;
	} else {
		size = len; /* as long as the modulus: more than any plaintext */
	}
	if (!code && probe)
		code = tell_size(out, size);
	if (!code) {
		frame_new(&request, op);
		put_bytes(&request, t, n);
		put_bytes(&request, b, len);
		if (op == OP_UNWRAP)
			put_bytes(&request, NULL, 0); /* the algorithm is found out */
		code = call_session(s, &request, &response, until);
		len = code ? 0 : get_bytes(&response, b, 1, sizeof b);
		if (!code && response.bad)
			code = AGENT_GARBLED;
		if (!code)
			code = out_bytes(out, b, len);
	}
	wipe(b, sizeof b);
	return finish(s, &request, &response, code);
}

int SqlCryptEncrypt(const ekm_session *slot, const ekm_data *thumb, uint8_t final, const ekm_enc_param *params, uint32_t count,
		    const ekm_data *in, ekm_data *out)
{
	int code = in_params(final, params, count);
	return code ? code : transform(OP_WRAP, slot, thumb, in, out);
}

int SqlCryptDecrypt(const ekm_session *slot, const ekm_data *thumb, uint8_t final, const ekm_enc_param *params, uint32_t count,
		    const ekm_data *in, ekm_data *out)
{
	int code = in_params(final, params, count);
	return code ? code : transform(OP_UNWRAP, slot, thumb, in, out);
}
