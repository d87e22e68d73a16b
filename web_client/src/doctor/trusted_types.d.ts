// The part of Trusted Types (W3C) that the preview uses; TypeScript's DOM library has none of it.
interface TrustedTypePolicy {
  createScriptURL(address: string): TrustedScriptURL;
}

type TrustedScriptURL = object;

interface Window {
  readonly trustedTypes?: {
    createPolicy(name: string, rules: { createScriptURL(address: string): string }): TrustedTypePolicy;
  };
}
