import * as api from "../../../target/clients/orval";

export function client() {
  const authorized = (token: string) => ({ headers: { Authorization: `JWT ${token}` } });

  return {
    async signUp(email: string, password: string) {
      const response = await api.createUser({ email, password });
      if (response.status === 201) {
        return [];
      }
      if (response.status === 400 && "email" in response.data) {
        return response.data.email ?? [];
      }
      throw new Error(JSON.stringify(response.data));
    },

    async logIn(login: string, password: string) {
      return unwrap(await api.obtainToken({ login, password })).token;
    },

    async getProfile(token: string) {
      return unwrap(await api.getProfile(authorized(token)));
    },

    async rename(token: string, first_name: string | null) {
      return unwrap(await api.updateProfileWithJson({ first_name }, authorized(token)));
    },

    async upload(token: string, avatar: File) {
      return unwrap(await api.updateProfileWithFormData({ avatar }, authorized(token)));
    },

    async removeAvatar(token: string) {
      return unwrap(await api.updateProfileWithJson({ avatar: null }, authorized(token)));
    },
  };
}

function unwrap<Response extends { status: number; data: unknown }>(
  response: Response,
): (Response & { status: 200 })["data"] {
  if (response.status !== 200) {
    throw new Error(JSON.stringify(response.data));
  }
  return response.data;
}
