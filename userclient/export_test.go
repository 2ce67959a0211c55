//go:build !nomtproto

package userclient

// StartSignInWithin is StartSignIn with another limit than 10 minutes.
var StartSignInWithin = startSignIn
