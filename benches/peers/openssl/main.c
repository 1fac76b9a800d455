/* OpenSSL's libssl, in `make bench-peers` (see scripts/bench-peers).
 *
 *     openssl-tls CASE FOLDER COUNT
 *
 * Prints what one of COUNT handshakes takes, in nanoseconds of CPU time, client and server
 * together, one thread, joined by a pair of memory BIOs. Everything is the default of libssl and
 * of its default provider but the group, which the case names. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

static void die(const char *what) {
  fprintf(stderr, "openssl-tls: %s\n", what);
  ERR_print_errors_fp(stderr);
  exit(1);
}

static void check(int done, const char *what) {
  if (done != 1) {
    die(what);
  }
}

static SSL_CTX *context(const SSL_METHOD *method, const char *folder, const char *name) {
  char path[4096];
  SSL_CTX *ctx = SSL_CTX_new(method);
  if (ctx == NULL) {
    die("no context");
  }
  check(SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION), "TLS 1.3");
  check((int)SSL_CTX_set1_groups_list(ctx, "P-256"), "the group");
  snprintf(path, sizeof path, "%s/ca.pem", folder);
  check(SSL_CTX_load_verify_locations(ctx, path, NULL), path);
  snprintf(path, sizeof path, "%s/%s.pem", folder, name);
  check(SSL_CTX_use_certificate_chain_file(ctx, path), path);
  snprintf(path, sizeof path, "%s/%s.key", folder, name);
  check(SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM), path);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  return ctx;
}

static SSL_SESSION *kept;

static int keep(SSL *ssl, SSL_SESSION *session) {
  (void)ssl;
  SSL_SESSION_free(kept);
  kept = session;
  return 1;
}

/* One step; not ready is no failure. */
static int step(SSL *ssl, int result) {
  if (result == 1) {
    return 1;
  }
  int error = SSL_get_error(ssl, result);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
    die("the handshake failed");
  }
  return 0;
}

/* One handshake, and one byte from the server, so that its tickets arrive. Whether it was
 * resumed. */
static int handshake(SSL_CTX *server_ctx, SSL_CTX *client_ctx, int resume) {
  BIO *server_bio = NULL, *client_bio = NULL;
  SSL *server = SSL_new(server_ctx), *client = SSL_new(client_ctx);
  if (server == NULL || client == NULL) {
    die("no connection");
  }
  check(BIO_new_bio_pair(&server_bio, 16384, &client_bio, 16384), "the BIOs");
  SSL_set_bio(server, server_bio, server_bio);
  SSL_set_bio(client, client_bio, client_bio);
  SSL_set_accept_state(server);
  SSL_set_connect_state(client);
  check(SSL_set1_host(client, "localhost"), "the name");
  check((int)SSL_set_tlsext_host_name(client, "localhost"), "the name");
  if (resume && kept != NULL) {
    check(SSL_set_session(client, kept), "the session");
  }

  int client_done = 0, server_done = 0;
  while (!client_done || !server_done) {
    client_done = step(client, SSL_do_handshake(client));
    server_done = step(server, SSL_do_handshake(server));
  }
  char byte = 'x';
  check(SSL_write(server, &byte, 1), "the byte goes");
  check(SSL_read(client, &byte, 1), "the byte arrives");
  int resumed = SSL_session_reused(client);
  /* Otherwise libssl holds the session for broken, and does not resume it. */
  SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_set_shutdown(server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(client);
  SSL_free(server);
  return resumed;
}

static long long cpu_time(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc != 4) {
    die("usage: openssl-tls CASE FOLDER COUNT");
  }
  int resume = strcmp(argv[1], "resumed-p256") == 0;
  if (!resume && strcmp(argv[1], "full-p256") != 0) {
    die("no such case");
  }
  long count = strtol(argv[3], NULL, 10);
  SSL_CTX *server = context(TLS_server_method(), argv[2], "server");
  SSL_CTX *client = context(TLS_client_method(), argv[2], "client");
  check(SSL_CTX_set_session_id_context(server, (const unsigned char *)"bench", 5), "the context");
  SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  if (resume) {
    SSL_CTX_sess_set_new_cb(client, keep);
    handshake(server, client, 0);
  }

  for (long i = 0; i <= count / 10; i++) {
    if (handshake(server, client, resume) != resume) {
      die("the handshake is not the kind that is to be measured");
    }
  }
  long long start = cpu_time();
  for (long i = 0; i < count; i++) {
    handshake(server, client, resume);
  }
  printf("%lld\n", (cpu_time() - start) / count);
  SSL_SESSION_free(kept);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
  return 0;
}
