/* version: what --version says. */
#ifndef TANDEM_COMMON_VERSION_H
#define TANDEM_COMMON_VERSION_H

#define TANDEM_VERSION "0.1.0"

#endif
