/* Every packet that this network namespace sees, from its IP header on: the length in 32 bits of this machine, then the bytes. To be run as root. */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* What waits while this process gets no time: a second and more of all that a test sends. */
static const int ROOM = 256 * 1024 * 1024;

int main(void) {
  static char packet[256 * 1024];
  int packets = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL));
  if (packets < 0 || setsockopt(packets, SOL_SOCKET, SO_RCVBUFFORCE, &ROOM, sizeof ROOM) < 0) {
    perror("capture");
    return 1;
  }
  if (write(2, "listening\n", 10) != 10) return 1;
  for (;;) {
    ssize_t size = recv(packets, packet, sizeof packet, 0);
    if (size < 0) continue; /* a link that went down */
    uint32_t length = size;
    struct iovec parts[] = {{&length, sizeof length}, {packet, length}};
    if (writev(1, parts, 2) != (ssize_t)(sizeof length + length)) return 1;
  }
}
