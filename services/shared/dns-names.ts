/** RFC 1123 with Kubernetes' limits. Source: kubernetes staging/src/k8s.io/apimachinery/pkg/util/validation/validation.go. */
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const MAX_LABEL = 63;
export const MAX_SUBDOMAIN = 253;

/** An RFC 1123 label of at most 63 characters, such as the name of a namespace. */
export function isDnsLabel(text: string): boolean {
  return text.length <= MAX_LABEL && LABEL.test(text);
}

/**
 * RFC 1123 labels joined by dots, at most 253 characters in all, such as the name of a node or a service account; single
 * labels are not limited to 63.
 */
export function isDnsSubdomain(text: string): boolean {
  return text.length <= MAX_SUBDOMAIN && SUBDOMAIN.test(text);
}
