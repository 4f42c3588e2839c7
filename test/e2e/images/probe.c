/* A command for images that have no other: dynamically linked it tests a libc's loader, statically linked it is a whole image. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* stdin to stdout, byte for byte. */
static int copy(void) {
  char block[65536];
  ssize_t size;
  while ((size = read(0, block, sizeof block)) > 0) {
    for (ssize_t done = 0, part; done < size; done += part)
      if ((part = write(1, block + done, size - done)) < 0) return 1;
  }
  return size < 0;
}

/* Opens its own output by name, as shells do for `> /dev/stdout`. */
static int by_name(void) {
  int output = open("/dev/stdout", O_WRONLY);
  return output < 0 || write(output, "opened by name\n", 15) != 15;
}

int main(int count, char **arguments) {
  const char *what = count > 1 ? arguments[1] : "";
  if (!strcmp(what, "copy")) return copy();
  if (!strcmp(what, "by-name")) return by_name();
  printf("uid %d, %s\n", (int)getuid(), isatty(0) ? ttyname(0) : "no terminal");
  return 0;
}
