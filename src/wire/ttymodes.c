#include "wire/ttymodes.h"

#include <unistd.h>

#include "base/compiler.h"

#define OP_ISPEED 128
#define OP_OSPEED 129
#define NO_CHARACTER 255 /* RFC 4254: the character is switched off */

enum where { IN, OUT, CONTROL, LOCAL };

static const struct {
	uint8_t op;
	uint8_t index;
} characters[] = {
    {1, VINTR},
    {2, VQUIT},
    {3, VERASE},
    {4, VKILL},
    {5, VEOF},
    {6, VEOL},
    {7, VEOL2},
    {8, VSTART},
    {9, VSTOP},
    {10, VSUSP},
#ifdef VDSUSP
    {11, VDSUSP},
#endif
#ifdef VREPRINT
    {12, VREPRINT},
#endif
    {13, VWERASE},
    {14, VLNEXT},
#ifdef VSWTCH
    {16, VSWTCH},
#elif defined(VSWTC)
    {16, VSWTC},
#endif
#ifdef VSTATUS
    {17, VSTATUS},
#endif
    {18, VDISCARD},
};

static const struct {
	uint8_t op;
	enum where where;
	tcflag_t flag, mask; /* mask: of a field; 0: the flag */
} flags[] = {
    {30, IN, IGNPAR, 0},
    {31, IN, PARMRK, 0},
    {32, IN, INPCK, 0},
    {33, IN, ISTRIP, 0},
    {34, IN, INLCR, 0},
    {35, IN, IGNCR, 0},
    {36, IN, ICRNL, 0},
#ifdef IUCLC
    {37, IN, IUCLC, 0},
#endif
    {38, IN, IXON, 0},
    {39, IN, IXANY, 0},
    {40, IN, IXOFF, 0},
    {41, IN, IMAXBEL, 0},
#ifdef IUTF8
    {42, IN, IUTF8, 0},
#endif
    {50, LOCAL, ISIG, 0},
    {51, LOCAL, ICANON, 0},
#ifdef XCASE
    {52, LOCAL, XCASE, 0},
#endif
    {53, LOCAL, ECHO, 0},
    {54, LOCAL, ECHOE, 0},
    {55, LOCAL, ECHOK, 0},
    {56, LOCAL, ECHONL, 0},
    {57, LOCAL, NOFLSH, 0},
    {58, LOCAL, TOSTOP, 0},
    {59, LOCAL, IEXTEN, 0},
    {60, LOCAL, ECHOCTL, 0},
    {61, LOCAL, ECHOKE, 0},
#ifdef PENDIN
    {62, LOCAL, PENDIN, 0},
#endif
    {70, OUT, OPOST, 0},
#ifdef OLCUC
    {71, OUT, OLCUC, 0},
#endif
    {72, OUT, ONLCR, 0},
    {73, OUT, OCRNL, 0},
    {74, OUT, ONOCR, 0},
    {75, OUT, ONLRET, 0},
    {90, CONTROL, CS7, CSIZE},
    {91, CONTROL, CS8, CSIZE},
    {92, CONTROL, PARENB, 0},
    {93, CONTROL, PARODD, 0},
};

static const struct {
	speed_t speed;
	uint32_t bauds;
} speeds[] = {{B0, 0}, {B50, 50}, {B75, 75}, {B110, 110}, {B134, 134}, {B150, 150}, {B200, 200}, {B300, 300},
    {B600, 600}, {B1200, 1200}, {B1800, 1800}, {B2400, 2400}, {B4800, 4800}, {B9600, 9600}, {B19200, 19200},
    {B38400, 38400}, {B57600, 57600}, {B115200, 115200}, {B230400, 230400}};

static uint32_t
bauds(speed_t speed)
{
	for (size_t i = 0; i < NP_COUNT(speeds); i++)
		if (speeds[i].speed == speed)
			return speeds[i].bauds;
	return 9600;
}

static uint8_t *
add(uint8_t *to, uint8_t op, uint32_t value)
{
	*to++ = op;
	for (int shift = 24; shift >= 0; shift -= 8)
		*to++ = (uint8_t)(value >> shift);
	return to;
}

static tcflag_t
field(const struct termios *t, enum where where)
{
	switch (where) {
	case IN:
		return t->c_iflag;
	case OUT:
		return t->c_oflag;
	case CONTROL:
		return t->c_cflag;
	case LOCAL:
		break;
	}
	return t->c_lflag;
}

size_t
ttymodes_encode(const struct termios *t, uint8_t out[TTYMODES_MAX])
{
	uint8_t *to = out;

	to = add(to, OP_OSPEED, bauds(cfgetospeed(t)));
	to = add(to, OP_ISPEED, bauds(cfgetispeed(t)));
	for (size_t i = 0; i < NP_COUNT(characters); i++) {
		cc_t c = t->c_cc[characters[i].index];
		to = add(to, characters[i].op, c == _POSIX_VDISABLE ? NO_CHARACTER : c);
	}
	for (size_t i = 0; i < NP_COUNT(flags); i++) {
		tcflag_t mask = flags[i].mask != 0 ? flags[i].mask : flags[i].flag;
		to = add(to, flags[i].op, (field(t, flags[i].where) & mask) == flags[i].flag);
	}
	*to++ = 0; /* TTY_OP_END */
	return (size_t)(to - out);
}
