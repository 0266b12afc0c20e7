// The URL that the API's paths are appended to, without a slash at its end. Empty is the origin of
// this page. To serve these files elsewhere, put here what the stack prints as `ApiUrl`.
export const API_URL = "";
