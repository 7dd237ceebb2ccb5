/**
 * Below which the traps' object identifiers and the syslog's structured data stand. Nobody has registered a number for this project with IANA yet: this is the
 * one that RFC 5612 sets aside for examples, so that it collides with no product's.
 */
export const enterpriseNumber = 32_473;
