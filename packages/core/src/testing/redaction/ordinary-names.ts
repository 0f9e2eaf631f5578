/** A property that telemetry needs, with a typical value. */
export interface OrdinaryName {
  readonly name: string
  readonly value: string | number | boolean
}

function names(value: string | number | boolean, list: string): OrdinaryName[] {
  return list.trim().split(/\s+/).map((name) => ({ name, value })) // prettier-ignore
}

/**
 * Property names of PostHog, Segment and GA4, of OpenTelemetry, and of a music distributor. They hold no secret,
 * although some contain a word that names one.
 */
export const ordinaryNames: readonly OrdinaryName[] = [
  // PostHog
  ...names('https://msc.example/a', `
    $current_url $session_entry_url $initial_current_url $referrer $initial_referrer $external_click_url $prev_pageview_url
    $session_entry_referrer $elements_chain_href $survey_completion_url`),
  ...names('text', `
    $host $pathname $session_entry_host $session_entry_pathname $initial_host $initial_pathname $referring_domain
    $initial_referring_domain $browser $browser_language $browser_language_prefix $os $os_version $device $device_type
    $device_model $device_manufacturer $lib $lib_version $insert_id $device_id $session_id $window_id $pageview_id
    $user_id $anon_distinct_id $event_type $timezone $raw_user_agent $user_agent $screen_name $group_0 $group_type
    $group_key $feature_flag $feature_flag_response $feature_flag_request_id $active_feature_flags $cookieless_mode
    $exception_type $exception_message $exception_level $exception_fingerprint $exception_issue_id $ai_trace_id
    $ai_span_id $ai_span_name $ai_parent_id $ai_model $ai_provider $ai_base_url $survey_id $survey_name
    $survey_iteration $geoip_city_name $geoip_country_code $geoip_country_name $geoip_continent_code $geoip_time_zone
    $geoip_postal_code $geoip_subdivision_1_code $session_recording_start_reason $replay_script_config $app_name
    $app_namespace $app_version $app_build $network_carrier $locale $transport $el_text $sentry_url $prev_pageview_id
    $session_entry_gclid $set_once_source utm_source utm_medium utm_campaign utm_content utm_term`),
  ...names(12, `
    $ai_total_tokens $ai_input_tokens $ai_output_tokens $ai_cache_read_input_tokens $ai_cache_creation_input_tokens
    $ai_reasoning_tokens $ai_latency $ai_http_status $ai_total_cost_usd $ai_input_cost_usd
    $lib_rate_limit_remaining_tokens $configured_session_timeout_ms $browser_version $screen_height $screen_width
    $viewport_height $viewport_width $prev_pageview_duration $prev_pageview_max_scroll $session_recording_duration
    $sent_at $timestamp $time $web_vitals_LCP_value $web_vitals_INP_value $geoip_latitude $geoip_longitude
    $geoip_accuracy_radius session_count`),
  ...names(true, `
    $is_identified $process_person_profile $geoip_disable $session_recording_canvas_recording $console_log_recording
    $autocapture_disabled_server_side $web_vitals_enabled_server_side $exception_handled $had_persisted_distinct_id
    $feature_flag_reason $used_bootstrap_value $recording_status`),
  // Segment
  ...names('text', `
    anonymousId userId messageId groupId previousId traits context integrations channel originalTimestamp receivedAt
    sentAt timestamp type version library locale timezone userAgent page referrer campaign category label title
    search keywords path product_id sku brand variant coupon position affiliation order_id checkout_id
    payment_method shipping_method promotion_id creative wishlist_id cart_id share_via list_id sort_id filters
    review_id currency industry employees plan company avatar firstName lastName username description`),
  ...names(42, `
    price quantity value total revenue tax shipping discount subtotal step rating products_count cart_size age
    screen_density battery logins`),
  // GA4
  ...names('text', `
    client_id page_location page_title page_referrer page_path language screen_resolution content_group content_type
    item_id item_name item_brand item_category item_category2 item_list_id item_list_name item_variant location_id
    transaction_id creative_name creative_slot promotion_name payment_type shipping_tier method search_term
    link_url link_classes link_domain link_id file_name file_extension form_id form_name form_destination
    form_submit_text video_title video_provider video_url outbound virtual_currency_name character level_name
    achievement_id traffic_type debug_mode firebase_screen_class`),
  ...names(7, `
    engagement_time_msec ga_session_id ga_session_number session_engaged percent_scrolled video_current_time
    video_duration video_percent score level index session_duration sessionDurationMs sessions session_number
    items_count value_in_usd`),
  // OpenTelemetry
  ...names('text', `
    service.name service.version service.instance.id deployment.environment.name http.request.method http.route
    url.path url.scheme url.template server.address client.address user_agent.original network.protocol.name
    db.system.name db.collection.name db.operation.name db.query.summary messaging.system messaging.destination.name
    exception.type exception.message exception.stacktrace code.function.name code.file.path telemetry.sdk.name
    session.id session.previous_id gen_ai.request.model gen_ai.response.id error.type host.name process.executable.name
    process.command os.type cloud.region k8s.pod.name thread.name`),
  ...names(200, `
    http.response.status_code server.port client.port http.request.body.size gen_ai.usage.input_tokens
    gen_ai.usage.output_tokens gen_ai.request.max_tokens code.line.number process.pid thread.id
    messaging.batch.message_count db.response.returned_rows`),
  // Words that contain a secret word.
  ...names('text', `
    className businessName processName addressNumber rootPath slotPosition footprint botProtection spotPrice
    cookieConsent cookieName cookieDomain cookiePolicy tokenizer tokenType token_type tokenName hotProduct keyboard
    monkey primaryKey foreignKey sortKey cacheKey partitionKey idempotencyKey routingKey objectKey translationKey
    authorId author authored authorName passenger passage compass bypass passed pinned pinboard shipping
    secretary secretaryName passwordPolicy tokenTypeHint passwordChangedAt passwordExpiresAt tokenExpiresAt tokenIssuer secretName
    apiKeyId publicKey publishableKey keyName keyword keyframe keyId hashKey eventKey timeSignature keySignature
    signaturePad sessionId session_id sessionType sessionStatus authMethod authProvider authenticationMethod authority
    backstagePass lowPass highPass boardingPass mapPin assignee assignment consignment designer resignation
    credentialType cardBrand cardType cardLast4 cardholder discard postcard scorecard accountId accountName accountType
    sortOrder sortCodeName codec codeName statusCode errorCode countryCode currencyCode postcode zipCode languageCode
    promoCode couponCode genreCode storeCode barcode phoneModel headphone microphone iPhone saxophone xylophone
    telephony cookieless credits creditNote accreditation mistaken taken lesson classroom glassName
    password_strength tokenBucket tokenLimit cookieBanner taxRate taxCategory taxRegion ssnRequired bankName
    bankCountry socialProvider socialLinks nationality passportCountry recoveryStatus verificationStatus
    verificationMethod securityLevel securityPolicy accessLevel accessPolicy refreshInterval refreshRate bearing
    forbearance`),
  ...names(3, `
    tokens tokenCount token_count inputTokens outputTokens totalTokens max_tokens maxTokens promptTokens
    completionTokens tokensSaved cachedTokens pinCount passCount keyCount sessionsCount session_count
    passwordAttempts passwordLength loginAttempts apiKeys secretCount credentialCount cookieCount spinCount`),
  ...names(true, `
    hasPassword passwordResetRequired isTokenValid requirePin rememberPassword emailVerified phoneVerified
    cookiesAccepted hasApiKey twoFactorEnabled secretsLoaded signatureRequired otpEnabled`),
  // Music distribution
  ...names('text', `
    releaseId releaseTitle releaseDate releaseType trackId trackTitle trackNumber isrc upc ean iswc catalogNumber
    labelName labelId artistName artistId featuring composer lyricist producer remixer publisher genre subgenre mood
    language territory store dsp platforms deliveryStatus reviewStatus artworkUrl audioUrl waveform bitDepth
    sampleRate codec loudness explicit statementId statementPeriod payoutId payoutStatus splitId splitPercent
    royaltyType contractId exclusivity advance recoupable currency exchangeRate invoiceNumber subscriptionId
    renewalDate planName seats playlistName chartPosition streamSource listeners territoryCode priceTier preorderDate
    previewStart rightsHolder copyrightLine phonogramLine takedownReason`),
] // prettier-ignore
