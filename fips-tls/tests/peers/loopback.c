/*
 * For servers that can only listen on every address and on a port they are told: loaded before
 * the C library, it lets them listen on 127.0.0.1 and a port that the system chooses, and says
 * which.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <stdio.h>
#include <sys/socket.h>

int bind(int fd, const struct sockaddr *wanted, socklen_t length)
{
    int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "bind");
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    (void)length;
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &v6.sin6_addr);
    return wanted->sa_family == AF_INET ? real(fd, (struct sockaddr *)&v4, sizeof v4)
                                        : real(fd, (struct sockaddr *)&v6, sizeof v6);
}

int listen(int fd, int backlog)
{
    int (*real)(int, int) = dlsym(RTLD_NEXT, "listen");
    struct sockaddr_in6 at; /* An IPv4 address has its port in the same place. */
    socklen_t length = sizeof at;

    if (real(fd, backlog) != 0 || getsockname(fd, (struct sockaddr *)&at, &length) != 0)
        return -1;
    fprintf(stderr, "\nlistening on 127.0.0.1:%d\n", ntohs(at.sin6_port));
    return 0;
}
