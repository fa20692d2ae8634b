/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* JSON values as YAML that people read and compare: blocks, one line a scalar. */
#ifndef L4GATE_MODEL_YAML_WRITE_H
#define L4GATE_MODEL_YAML_WRITE_H

#include <jansson.h>
#include <stdio.h>

/* Digits of real numbers, in JSON and in YAML. */
#define REAL_DIGITS 9

/*
 * Writes one document. manifest.c and every reader of Kubernetes get back the
 * value that was written: what they would not take for a string is quoted.
 * 0, -ENOMEM, or -EIO.
 */
int yaml_write(FILE *out, const json_t *document);

#endif /* L4GATE_MODEL_YAML_WRITE_H */
