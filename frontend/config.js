// The URL that the API's paths are appended to, without a slash at its end. Empty is the origin of
// this page. To serve these files elsewhere, put here what the stack prints as `ApiUrl`.
export const API_URL = "";

// The service's `PASSWORD_POLICY`, `documented` or `strict`, whose rule the page shows at sign-up.
export const PASSWORD_POLICY = "documented";
