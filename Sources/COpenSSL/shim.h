// OpenSSL's TLS, and functions in place of those macros of it that Swift cannot import. Only TLS
// imports it.
#ifndef TIDEMARK_COPENSSL_H
#define TIDEMARK_COPENSSL_H
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static inline int tm_ssl_set_server_name(SSL *ssl, const char *name) {
    return (int)SSL_set_tlsext_host_name(ssl, name);
}
static inline int tm_ssl_set_oldest_version(SSL_CTX *context) {
    return (int)SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}
// Writes may be taken in part and from wherever the bytes stand then.
// Idle connections hold no buffers.
static inline void tm_ssl_set_modes(SSL_CTX *context) {
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
}
static inline int tm_ssl_is_plain_request(unsigned long code) {
    return ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST;
}
// Who comes again brings its ticket along; the server keeps no list of sessions.
static inline void tm_ssl_keep_no_sessions(SSL_CTX *context) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}
static inline int tm_ssl_is_self_signed_error(long code) {
    return code == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
           code == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN;
}
// An empty memory buffer asks to be filled instead of reporting an end.
static inline BIO *tm_bio_memory(void) {
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL) BIO_set_mem_eof_return(bio, -1);
    return bio;
}
static inline size_t tm_bio_pending(BIO *bio) { return BIO_ctrl_pending(bio); }
#endif
